namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>First and last chunk of a stream. An empty stream has -1 for all.</summary>
/// <param name="FirstChunkId">Offset of the first message that is there.</param>
/// <param name="CommittedChunkId">Offset of the first message of the last committed chunk, which may be a tracking chunk.</param>
/// <param name="LastChunkId">The same of the last chunk that this node has, which may not be committed yet.</param>
internal readonly record struct StreamStats(long FirstChunkId, long CommittedChunkId, long LastChunkId)
{
    /// <summary><code>StreamStats response content = count:u32 (name:string value:i64)*</code></summary>
    internal static StreamStats Read(ref FrameReader reader)
    {
        long first = -1;
        long committed = -1;
        long last = -1;
        int count = reader.Count(10);
        for (int i = 0; i < count; i++)
        {
            string? name = reader.String();
            long value = reader.Int64();
            switch (name)
            {
                case "first_chunk_id":
                    first = value;
                    break;
                case "committed_chunk_id":
                    committed = value;
                    break;
                case "last_chunk_id":
                    last = value;
                    break;
            }
        }

        return new StreamStats(first, committed, last);
    }
}
