using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>Content for puts: of unknown length, and if wanted stopping or failing half-way.</summary>
/// <param name="bytes">What is read.</param>
/// <param name="stopAt">Position at which <paramref name="atStop"/> is awaited.</param>
/// <param name="atStop">A gate to wait at, or an exception to throw.</param>
internal sealed class ScriptedStream(byte[] bytes, int stopAt = -1, Func<CancellationToken, Task>? atStop = null) : ReadOnlyStream
{
    private int _position;
    private bool _stopped;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position == stopAt && !_stopped && atStop is not null)
        {
            _stopped = true;
            await atStop(cancellationToken);
        }

        int end = stopAt > _position ? stopAt : bytes.Length;
        int count = Math.Min(buffer.Length, end - _position);
        bytes.AsMemory(_position, count).CopyTo(buffer);
        _position += count;
        return count;
    }
}
