using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>Keeps whole chunks, and checks the order of the calls.</summary>
internal sealed class CollectingSink : IChunkSink
{
    private readonly MemoryStream _data = new();
    private ChunkHeader? _open;

    internal List<(ChunkHeader Header, byte[] Data, bool Intact)> Chunks { get; } = [];

    internal List<(ulong Offset, byte[] Message)> Messages
    {
        get
        {
            List<(ulong, byte[])> messages = [];
            foreach ((ChunkHeader header, byte[] data, bool intact) in Chunks)
            {
                ChunkMessages.Visit(data, header.FirstOffset, (offset, message) =>
                {
                    messages.Add((offset, message.ToArray()));
                    return true;
                });
            }

            return messages;
        }
    }

    internal Action<int>? AfterChunk { get; set; }

    internal Func<ValueTask>? Pause { get; set; }

    public void OnChunk(in ChunkHeader header)
    {
        if (_open is not null)
        {
            throw new InvalidOperationException("a chunk began within a chunk");
        }

        _open = header;
        _data.SetLength(0);
    }

    public void OnData(ReadOnlySpan<byte> data) => _data.Write(data);

    public void OnChunkEnd(bool intact)
    {
        Chunks.Add((_open!.Value, _data.ToArray(), intact));
        _open = null;
        AfterChunk?.Invoke(Chunks.Count);
    }

    public ValueTask OnPauseAsync(CancellationToken cancellationToken) => Pause?.Invoke() ?? default;
}
