using System.Buffers;
using System.Text;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages;
using RabbitMqBackup.Engine.Messages.Amqp10;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Catalog;
using RabbitMqBackup.Engine.Tests.Format;
using RabbitMqBackup.Engine.Tests.Messages;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>
/// Every parser of what comes from a broker or a store gets inputs that are near to good ones: flipped, cut, doubled, spliced, lengths replaced by the extremes, and pure noise.
/// Each ends with a result or with the parser's own error, in time, and allocates no more than a small multiple of its input and its caps.
/// 20,000 inputs each in CI, a million with RABBITMQ_TEST_LONG.
/// </summary>
public sealed class ParserFuzzTests
{
    private const int Few = 1 << 20;

    private static readonly SegmentReadOptions Capped = new() { BlockPool = TestSegment.Pool, MaxPayloadBytes = Few, MaxRecordBytes = Few };

    public static TheoryData<RecordFormat, SegmentCompression> Kinds => TestSegment.AllKinds;

    [Fact]
    public void AMQP_frames_and_their_contents()
    {
        Fuzz(AmqpFrames(), Few * 5L, input =>
        {
            using ContentAssembler assembler = new();
            ReadOnlySequence<byte> rest = Pieces(input);
            while (FrameParser.TryRead(ref rest, 4096, out Frame frame))
            {
                switch (frame.Type)
                {
                    case FrameType.Header when assembler.Header(frame.Payload):
                    case FrameType.Body when assembler.AddBody(frame.Payload):
                        DeliveryCount.Find(assembler.Properties);
                        assembler.Reset();
                        break;
                    case FrameType.Method:
                        byte[] method = frame.Payload.ToArray();
                        if (method.Length >= 4)
                        {
                            Methods(method.AsSpan(4));
                            assembler.Begin(default, method.AsSpan(4));
                        }

                        break;
                }
            }
        });
    }

    [Fact]
    public void Stream_frames_and_chunks() => Fuzz(StreamFrames(), Few * 3L, input =>
    {
        CollectingHandler handler = new();
        FrameAssembler assembler = new(handler);
        for (int position = 0; position < input.Length;)
        {
            int piece = Math.Min(1 + (input[position] & 0x3F), input.Length - position);
            assembler.Feed(input.AsSpan(position, piece));
            position += piece;
        }
    });

    [Fact]
    public void Entries_of_chunks() => Fuzz([Chunk()], 70L << 20, input => ChunkMessages.Visit(input, 0, static (_, message) => Decode(message)));

    [Fact]
    public void Messages_of_AMQP_1_0() => Fuzz([Amqp10()], Few, input =>
    {
        if (!Amqp10Decoder.TryDecode(input, out _, out string? problem))
        {
            throw new RabbitBackupException(ErrorCode.SegmentCorrupt, problem!);
        }
    });

    [Fact]
    public void Property_lists_and_field_tables()
    {
        Random random = new(1);
        byte[][] seeds = [.. Enumerable.Range(0, 40).Select(_ => RawProperties.Any(random))];
        PropertyListEdit edit = new() { DropHeaders = ["x-delivery-count"], DropEmptiedHeaders = true, RenameHeaders = new Dictionary<string, string> { ["CC"] = "x-original-cc" } };
        byte[] target = new byte[Few];
        Fuzz(seeds, Few, input =>
        {
            DeliveryCount.Find(input);
            PropertyList.TryGetHeader(input, "n"u8, out _);
            PropertyList.Check(input);
            PropertyList.Parse(input);
            edit.Apply(input, target);
        });
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Segments(RecordFormat format, SegmentCompression compression)
    {
        Random random = new(2);
        byte[] good = TestSegment.Write(format, compression, Enumerable.Range(0, 5).Select(i => TestRecord.Message("ex"u8.ToArray(), "key"u8.ToArray(), RawProperties.Any(random), new byte[40], time: i)));
        int inputs = LongRun.Count(4_000, 200_000);
        Fuzz([good], 6L * Few, input => Read(input.Length > 40 ? TestSegment.Seal(input) : input), inputs);
        Fuzz([good], 6L * Few, Read, inputs);

        static void Read(byte[] input) => TestSegment.ReadAsync(input, Capped).GetAwaiter().GetResult();
    }

    [Fact]
    public void Manifests()
    {
        byte[] good = ManifestJson.Write(TestManifests.Full());
        Fuzz([good], Few * 4L, input => ManifestJson.Read(input, "a/manifest.json", null), LongRun.Count(5_000, 500_000));
        byte[] body = good[..^88];
        Fuzz([[.. body, (byte)'}']], Few * 4L, input => ManifestJson.Read(input.Length > 1 ? ManifestJson.Seal(input) : input, "a/manifest.json", null), LongRun.Count(5_000, 500_000));
    }

    [Fact]
    public void Rows_and_copies_of_checkpoints()
    {
        QueueEntry queue = TestManifests.Full().Queues[0];
        Fuzz([ManifestRows.Write(queue)], Few, input => ManifestRows.ReadQueue(input, "x.db"));
        Fuzz([ManifestRows.Write(queue.Segments[0])], Few, input => ManifestRows.ReadSegment(input, "x.db"));
        Fuzz([CheckpointCopy.Seal(new byte[64])], Few, input => CheckpointCopy.Unseal(input, "x.db"));
    }

    [Fact]
    public void Definitions() => Fuzz(
        ["""{"rabbitmq_version":"4.0.5","users":[{"name":"u","password_hash":"x","tags":["administrator"]}],"vhosts":[{"name":"/"}],"queues":[{"name":"q","vhost":"/","durable":true,"arguments":{"x-queue-type":"quorum","x-n":1}}],"bindings":[{"source":"e","vhost":"/","destination":"q","destination_type":"queue","routing_key":"","arguments":{}}],"policies":[{"vhost":"/","name":"p","pattern":".*","definition":{"max-length":5}}]}"""u8.ToArray()],
        Few * 2L,
        input => DefinitionsDocument.Parse(input, "definitions.json").ToJson());

    [Fact]
    public void Keys_and_addresses_never_leave_their_place() => Fuzz(
        ["queues/_default/orders/segment-0001.zst"u8.ToArray(), "a/../../etc/passwd"u8.ToArray(), "C:\\x"u8.ToArray(), "s3://bucket/p?region=x"u8.ToArray(), "a/b:stream"u8.ToArray(), "/abs"u8.ToArray()],
        Few,
        input =>
        {
            string text = Encoding.Latin1.GetString(input);
            if (ObjectPath.TryParse(text, out ObjectPath path))
            {
                string root = Path.GetFullPath("/root-of-store");
                Assert.StartsWith(root + "/", Path.GetFullPath(Path.Join(root, path.ToString())) + "/", StringComparison.Ordinal);
                Assert.DoesNotContain(path.ToString().Split('/'), part => part is "" or "." or "..");
                Assert.DoesNotContain(path.ToString(), letter => letter is '\\' or ':' or '\0');
            }

            bool isPath = ObjectPath.TryParse(text, out _);
            if (QueueKey.TryParse(text, out string virtualHost, out string queue))
            {
                Assert.StartsWith(QueueKey.Folder(virtualHost, queue) + "/", text + "/", StringComparison.Ordinal);
            }

            try
            {
                StoreUri.Parse(text, "/base");
            }
            catch (ArgumentException)
            {
                // With the reason.
            }

            if (!isPath)
            {
                throw new RabbitBackupException(ErrorCode.ObjectNotFound, "It is no path.");
            }
        });

    private static bool Decode(ReadOnlySpan<byte> message)
    {
        Amqp10Decoder.TryDecode(message, out _, out _);
        return true;
    }

    private static void Fuzz(byte[][] seeds, long maxAllocated, Action<byte[]> parse, int? inputs = null)
    {
        int count = inputs ?? LongRun.Count(20_000, 1_000_000);
        int seed = LongRun.IsOn ? Environment.TickCount : 20261126;
        Random random = new(seed);
        int accepted = 0, refused = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] input = i < seeds.Length ? [.. seeds[i]] : Mutate(seeds, random);
            byte[] copy = [.. input];
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            try
            {
                parse(input);
                accepted++;
            }
            catch (Exception exception) when (exception is RabbitBackupException or AmqpProtocolException)
            {
                refused++;
            }
            catch (Exception exception)
            {
                Assert.Fail($"seed {seed}, input {i}: {Convert.ToHexString(copy)}: {exception}");
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated <= maxAllocated, $"seed {seed}, input {i} allocated {allocated}: {Convert.ToHexString(copy)}");
            // Far from any honest time of one input, on whatever machine: a loop without an end would be seen.
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60), $"seed {seed}, input {i} took too long: {Convert.ToHexString(copy)}");
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{count} inputs: {accepted} accepted, {refused} refused");
        Assert.True(accepted > 0 && refused > 0, $"{accepted} accepted, {refused} refused: the inputs are all alike");
    }

    private static byte[] Mutate(byte[][] seeds, Random random)
    {
        List<byte> bytes = [.. seeds[random.Next(seeds.Length)]];
        for (int changes = 1 + random.Next(4); changes > 0; changes--)
        {
            int at = bytes.Count == 0 ? 0 : random.Next(bytes.Count);
            switch (random.Next(9))
            {
                case 0 when bytes.Count > 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when bytes.Count > 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2 when bytes.Count > 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 3 when bytes.Count > 0:
                    bytes.RemoveRange(at, random.Next(bytes.Count - at));
                    break;
                case 4 when bytes.Count > 0 && bytes.Count < 64 << 10:
                    bytes.InsertRange(at, bytes.GetRange(at, random.Next(bytes.Count - at)));
                    break;
                case 5 when bytes.Count >= at + 4:
                    // A length at its extremes, in either order of bytes.
                    byte[][] extremes = [[0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [0, 0, 0, 0x80], [0, 0, 0, 0], [0, 0, 0, 1]];
                    byte[] extreme = extremes[random.Next(extremes.Length)];
                    bytes.RemoveRange(at, 4);
                    bytes.InsertRange(at, extreme);
                    break;
                case 6:
                    byte[] other = seeds[random.Next(seeds.Length)];
                    bytes.AddRange(other[..random.Next(other.Length + 1)]);
                    break;
                case 7:
                    byte[] noise = new byte[random.Next(16)];
                    random.NextBytes(noise);
                    bytes.InsertRange(at, noise);
                    break;
                case 8 when random.Next(20) == 0:
                    byte[] all = new byte[random.Next(200)];
                    random.NextBytes(all);
                    bytes = [.. all];
                    break;
            }
        }

        return [.. bytes];
    }

    private static ReadOnlySequence<byte> Pieces(byte[] input)
    {
        if (input.Length < 3)
        {
            return new ReadOnlySequence<byte>(input);
        }

        Piece first = new(input.AsMemory(0, input.Length / 3), 0);
        Piece last = first.Then(input.AsMemory(input.Length / 3));
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private static void Methods(ReadOnlySpan<byte> arguments)
    {
        // Whichever method the frame says it is: each reader gets the octets.
        Try(arguments, static span => BasicDeliver.Read(span));
        Try(arguments, static span => BasicDeliver.ReadGetOk(span));
        Try(arguments, static span => BasicReturn.Read(span));
        Try(arguments, static span => BasicConfirm.Read(span));
        Try(arguments, static span => ConnectionStart.Read(span));
        Try(arguments, static span => ConnectionTune.Read(span));
        Try(arguments, static span => CloseArguments.Read(span));
        Try(arguments, static span => DeclareOk.Read(span));
    }

    private delegate void Reader(ReadOnlySpan<byte> arguments);

    private static void Try(ReadOnlySpan<byte> arguments, Reader read)
    {
        try
        {
            read(arguments);
        }
        catch (AmqpProtocolException)
        {
            // Its own error.
        }
    }

    private static byte[][] AmqpFrames()
    {
        static byte[] Frame(byte type, byte[] payload) => [type, 0, 1, (byte)(payload.Length >> 24), (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, .. payload, 0xCE];
        byte[] deliver = [0, 60, 0, 60, 6, .. "bk-000"u8, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, .. "ex"u8, 3, .. "key"u8];
        byte[] header = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11, 0x20, 0, 0, 0, 0, 25, 16, .. "x-delivery-count"u8, (byte)'I', 0, 0, 0, 3, 1, (byte)'a', (byte)'V'];
        byte[] start = [0, 10, 0, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, .. "PLAIN"u8, 0, 0, 0, 5, .. "en_US"u8];
        byte[] close = [0, 10, 0, 50, 1, 64, 4, .. "gone"u8, 0, 0, 0, 0];
        return
        [
            [.. Frame(1, deliver), .. Frame(2, header), .. Frame(3, "hello"u8.ToArray()), .. Frame(3, " world"u8.ToArray()), .. Frame(8, [])],
            [.. Frame(1, start), .. Frame(1, [0, 10, 0, 30, 7, 255, 0, 2, 0, 0, 0, 60])],
            [.. Frame(1, close), .. Frame(1, [0, 50, 0, 11, 1, (byte)'q', 0, 0, 0, 5, 0, 0, 0, 1])],
        ];
    }

    private static byte[] Chunk()
    {
        byte[] message = Amqp10();
        byte[] Plain() => [0, 0, 0, (byte)message.Length, .. message];
        byte[] inner = [.. Plain(), .. Plain()];
        MemoryStream packed = new();
        using (System.IO.Compression.GZipStream gzip = new(packed, System.IO.Compression.CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(inner);
        }

        byte[] Batch(int codec, byte[] stored) => [(byte)(0x80 | (codec << 4)), 0, 2, 0, 0, 0, (byte)inner.Length, 0, 0, 0, (byte)stored.Length, .. stored];
        return [.. Plain(), .. Batch(0, inner), .. Batch(1, packed.ToArray()), .. Plain()];
    }

    private static byte[] Amqp10() =>
        [0x00, 0x53, 0x73, 0xC0, 5, 1, 0xA1, 2, (byte)'i', (byte)'d', 0x00, 0x53, 0x74, 0xC1, 10, 2, 0xA1, 1, (byte)'k', 0x71, 0, 0, 0, 7, 0x40, 0x00, 0x53, 0x75, 0xA0, 3, 1, 2, 3];

    private static byte[][] StreamFrames()
    {
        byte[] data = Chunk();
        byte[] chunk = new byte[ChunkHeader.Length];
        ChunkHeader header = new(ChunkType.User, 4, 6, 5, 1, 100, System.IO.Hashing.Crc32.HashToUInt32(data), (uint)data.Length, 0, 0);
        header.Write(chunk);
        static byte[] Frame(int key, int version, byte[] content) =>
            [(byte)((content.Length + 4) >> 24), (byte)((content.Length + 4) >> 16), (byte)((content.Length + 4) >> 8), (byte)(content.Length + 4), (byte)(key >> 8), (byte)key, 0, (byte)version, .. content];
        byte[] deliver = Frame(8, 1, [1, .. chunk, .. data]);
        byte[] deliver2 = Frame(8, 2, [1, 0, 0, 0, 0, 0, 0, 0, 9, .. chunk, .. data]);
        return [[.. deliver, .. Frame(0x17, 1, []), .. deliver2], [.. Frame(0x8011, 1, [0, 0, 0, 1, 0, 1, 0, 0, 0, 0]), .. deliver]];
    }

    private sealed class CollectingHandler : IFrameHandler
    {
        private readonly List<byte> _data = [];

        public void OnFrame(FrameHeader header, ReadOnlySpan<byte> content)
        {
        }

        public void OnChunk(byte subscription, in ChunkHeader header) => _data.Clear();

        public void OnChunkData(ReadOnlySpan<byte> data) => _data.AddRange(data);

        public void OnChunkEnd(bool intact)
        {
            if (intact)
            {
                ChunkMessages.Visit(_data.ToArray(), 0, (_, _) => true);
            }
        }
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        internal Piece(ReadOnlyMemory<byte> memory, long index) => (Memory, RunningIndex) = (memory, index);

        internal Piece Then(ReadOnlyMemory<byte> memory)
        {
            Piece next = new(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
