namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Where a stream lives.</summary>
/// <param name="Code">Ok, or why the stream can't be used.</param>
/// <param name="Leader">The node that takes messages, or null where there is none at the moment.</param>
/// <param name="Replicas">The other nodes that hold it.</param>
internal sealed record StreamMetadata(StreamResponseCode Code, StreamNode? Leader, IReadOnlyList<StreamNode> Replicas)
{
    /// <summary>
    /// <code>
    /// Metadata response content = brokers streams        (no response code)
    /// brokers = count:u32 (reference:u16 host:string port:u32)*
    /// streams = count:u32 (name:string code:u16 leader:u16 count:u32 replica:u16*)*
    /// </code>
    /// </summary>
    internal static StreamMetadata Read(ref FrameReader reader, string stream)
    {
        Dictionary<ushort, StreamNode> nodes = [];
        int brokers = reader.Count(8);
        for (int i = 0; i < brokers; i++)
        {
            ushort reference = reader.UInt16();
            string host = reader.String() ?? "";
            nodes[reference] = new StreamNode(host, (int)Math.Min(reader.UInt32(), ushort.MaxValue));
        }

        StreamMetadata? found = null;
        int streams = reader.Count(10);
        for (int i = 0; i < streams; i++)
        {
            string? name = reader.String();
            StreamResponseCode code = reader.Code();
            StreamNode? leader = nodes.TryGetValue(reader.UInt16(), out StreamNode node) ? node : null;
            List<StreamNode> replicas = [];
            int count = reader.Count(2);
            for (int j = 0; j < count; j++)
            {
                if (nodes.TryGetValue(reader.UInt16(), out StreamNode replica))
                {
                    replicas.Add(replica);
                }
            }

            if (name == stream)
            {
                found = new StreamMetadata(code, leader, replicas);
            }
        }

        return found ?? throw StreamErrors.Malformed($"the metadata do not mention the stream '{stream}' that was asked for");
    }
}
