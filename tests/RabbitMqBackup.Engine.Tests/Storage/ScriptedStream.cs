namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>Content for puts: of unknown length, and if wanted stopping or failing half-way.</summary>
/// <param name="bytes">What is read.</param>
/// <param name="stopAt">Position at which <paramref name="atStop"/> is awaited.</param>
/// <param name="atStop">A gate to wait at, or an exception to throw.</param>
internal sealed class ScriptedStream(byte[] bytes, int stopAt = -1, Func<CancellationToken, Task>? atStop = null) : Stream
{
    private int _position;
    private bool _stopped;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

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

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
