using System.Buffers.Binary;
using System.Security.Cryptography;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>A virtual host with streams, the engine against it, and a look at a stream's raw entries that is independent of the engine's backup and restore.</summary>
internal sealed class StreamBed : IAsyncDisposable
{
    private readonly TestVirtualHost _virtualHost;

    private StreamBed(TestVirtualHost virtualHost)
    {
        _virtualHost = virtualHost;
        Harness = EngineHarness.For(virtualHost);
    }

    internal EngineHarness Harness { get; }

    internal string VirtualHost => _virtualHost.Name;

    internal TestBroker Broker => _virtualHost.Broker;

    internal Uri Amqp10Address => new($"amqp://{Broker.User}:{Broker.Password}@{Broker.Host}:{Broker.AmqpPort}");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    internal static async Task<StreamBed> StartAsync(string? generation = null) => new(await Brokers.VirtualHostAsync(generation));

    internal static async Task<StreamBed> OnAsync(TestBroker broker) => new(await TestVirtualHost.CreateAsync(broker));

    /// <summary>Takes the virtual host over, and deletes it at the end.</summary>
    internal static StreamBed Over(TestVirtualHost virtualHost) => new(virtualHost);

    internal Task<StreamConnection> ConnectAsync() => StreamConnection.OpenAsync(Harness.Broker, Harness.Broker.StreamEndpoint!, VirtualHost, cancellationToken: Stop);

    internal async Task CreateAsync(string stream, params (string Name, string Value)[] arguments)
    {
        await using StreamConnection connection = await ConnectAsync();
        await connection.CreateStreamAsync(stream, [.. arguments.Select(a => KeyValuePair.Create(a.Name, a.Value))], Stop);
    }

    internal async Task DeleteAsync(string stream)
    {
        await using StreamConnection connection = await ConnectAsync();
        await connection.DeleteStreamAsync(stream, Stop);
    }

    /// <summary>Publishes entries without a name.</summary>
    internal async Task PublishAsync(string stream, IEnumerable<byte[]> entries)
    {
        await using StreamConnection connection = await ConnectAsync();
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, stream, "", null, Stop);
        ulong id = 0;
        foreach (byte[] entry in entries)
        {
            await ChunkReaderTests.AddAsync(publisher, ++id, entry);
        }

        await publisher.CompleteAsync(Stop);
        Assert.Equal(0, publisher.RefusedCount);
    }

    internal Task PublishNumbersAsync(string stream, int first, int count, int bytes = 4) => PublishAsync(stream, Enumerable.Range(first, count).Select(i => Number(i, bytes)));

    internal async Task StoreOffsetAsync(string stream, string name, ulong offset)
    {
        await using StreamConnection connection = await ConnectAsync();
        await connection.StoreOffsetAsync(name, stream, offset, Stop);
        while (await connection.QueryOffsetAsync(name, stream, Stop) != offset)
        {
            await Task.Delay(20, Stop);
        }
    }

    /// <summary>SHA-256 over all raw entries, and how many messages there are.</summary>
    internal async Task<(string Sha256, long Messages)> FingerprintAsync(string stream)
    {
        await using StreamConnection connection = await ConnectAsync();
        HashingSink sink = new();
        StreamReadResult result = await new ChunkReader(connection, stream, new StreamReadOptions(), sink).RunAsync(Stop);
        Assert.DoesNotContain(result.Gaps, gap => gap.Kind is StreamGapKind.Corrupt);
        return (sink.Digest(), result.Messages);
    }

    /// <summary>The messages one by one, batches unpacked.</summary>
    internal async Task<List<(ulong Offset, byte[] Message)>> MessagesAsync(string stream)
    {
        await using StreamConnection connection = await ConnectAsync();
        CollectingSink sink = new();
        await new ChunkReader(connection, stream, new StreamReadOptions(), sink).RunAsync(Stop);
        return sink.Messages;
    }

    internal async Task<List<int>> NumbersAsync(string stream) => [.. (await MessagesAsync(stream)).Select(m => BinaryPrimitives.ReadInt32LittleEndian(m.Message.AsSpan(8)))];

    /// <summary>An entry with one message whose body begins with a number.</summary>
    internal static byte[] Number(int number, int bytes = 4)
    {
        byte[] body = new byte[Math.Max(bytes, 4)];
        new Random(number).NextBytes(body);
        BinaryPrimitives.WriteInt32LittleEndian(body, number);
        return TestEntries.Plain(TestEntries.Data(body));
    }

    /// <summary>Plain entries and batches of every compression in turn, about so many messages.</summary>
    internal static IEnumerable<byte[]> Mixed(int messages, int bytes)
    {
        BatchCodec[] codecs = [BatchCodec.None, BatchCodec.Gzip, BatchCodec.Snappy, BatchCodec.Lz4, BatchCodec.Zstd];
        int batch = Math.Max(1, Math.Min(100, 500_000 / (bytes + 12)));
        for (int number = 0, round = 0; number < messages; round++)
        {
            for (int i = 0; i < 200 && number < messages; i++)
            {
                yield return Number(number++, bytes);
            }

            byte[][] members = [.. Enumerable.Range(number, batch).Select(i => Number(i, bytes)[4..])];
            number += batch;
            yield return TestEntries.Batch(codecs[round % codecs.Length], members);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Harness.Dispose();
        await _virtualHost.DisposeAsync();
    }

    private sealed class HashingSink : IChunkSink
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public void OnChunk(in ChunkHeader header)
        {
        }

        public void OnData(ReadOnlySpan<byte> data) => _hash.AppendData(data);

        public void OnChunkEnd(bool intact) => Assert.True(intact);

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        internal string Digest() => Convert.ToHexString(_hash.GetHashAndReset());
    }
}
