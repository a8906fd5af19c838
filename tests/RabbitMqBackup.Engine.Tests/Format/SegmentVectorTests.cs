using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Tests.Messages;
using RabbitMqBackup.TestHost;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Messages.RawProperties;

namespace RabbitMqBackup.Engine.Tests.Format;

/// <summary>
/// The segments in tests/vectors, for this and other implementations. <c>vectors.json</c> there tells what is in them, in terms that need no code of this repository;
/// <c>README.md</c> there explains it.
/// </summary>
public class SegmentVectorTests
{
    private static readonly string Folder = Path.Combine(WorkingCopy.Root, "tests", "vectors");

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    };

    public static TheoryData<string> Files => [.. Description().Files.Keys];

    /// <summary>Two messages and two chunks say most; the messages after them have what is odd.</summary>
    private static TestRecord[] Records =>
    [
        TestRecord.Message(
            "orders"u8.ToArray(), "eu.created"u8.ToArray(),
            List(
                0b1111_1111_1111_1100,
                Short("application/json"), Short("gzip"),
                Table(
                    Field("t", 't', 1), Field("b", 'b', 0x80), Field("B", 'B', 0xFF), Field("s", 's', 0x80, 0), Field("u", 'u', 0xFF, 0xFF), Field("I", 'I', 0x80, 0, 0, 0),
                    Field("i", 'i', 0xFF, 0xFF, 0xFF, 0xFF), Field("l", 'l', U64(1UL << 63)), Field("L", 'L', U64(ulong.MaxValue)), Field("f", 'f', 0x3F, 0x8C, 0xCC, 0xCD),
                    Field("d", 'd', U64(0x3FF1_9999_9999_999A)), Field("minus zero", 'd', U64(1UL << 63)), Field("infinite", 'f', 0xFF, 0x80, 0, 0),
                    Field("no number", 'd', U64(0x7FF8_0000_0000_0001)), Field("D", 'D', 2, 0, 0, 0x30, 0x39), Field("S", 'S', Long("añb \"quoted\" \\ \u0001 \U0001F407")),
                    Field("empty", 'S', Long("")), Field("no text", 'S', Long([0xFF, 0xFE, 0])), Field("x", 'x', Long([0, 1, 2])), Field("T", 'T', U64(1_700_000_000)),
                    Field("V", 'V'), Field("A", 'A', Long([.. Element('I', 0, 0, 0, 1), .. Element('S', Long("two")), .. Element('A', Long([])), .. Element('F', Table())])),
                    Field("F", 'F', Table(Field("inner", 'F', Table(Field("k", 't', 0))))), Field("", 'V')),
                [2], [9], Short("correlation"), Short("reply"), Short("60000"), Short("id-1"), U64(1_700_000_000), Short("order"), Short("guest"), Short("shop"), Short("c1")),
            "{\"id\":1}"u8.ToArray(), redelivered: false, time: 1_700_000_000_000),
        TestRecord.Message([], "queue"u8.ToArray(), [0, 0], [], redelivered: true, time: 1_700_000_000_001),
        TestRecord.StreamEntry(100, [0, 0, 0, 8, 0, 0x53, 0x75, 0xA0, 3, 1, 2, 3], time: 1_700_000_000_500, epoch: 4),
        TestRecord.StreamEntry(101, [0x90, 0, 5, 0, 0, 1, 0, 0, 0, 0, 4, 0x1F, 0x8B, 8, 0], time: 1_700_000_000_500, epoch: 4),
        TestRecord.Message([0xFF, 0], [0xC3], List(1 << 15 | 1 << 3, Short([0xFF]), Short("")), [0xFF, 0xFE, 0xFD, 0xFC], time: 1_700_000_000_400),
        TestRecord.Message([], [], Headers(Field("twice", 'B', 1), Field("twice", 'B', 2)), "names that occur twice"u8.ToArray(), time: 1_700_000_000_600),
        TestRecord.Message([], [], Headers(Field([0xFF], 't', 2)), "a name that is no UTF-8, and a true that is 2"u8.ToArray(), time: 1_700_000_000_600),
        TestRecord.Message([], [], List(1 << 12 | 1, [0, 0], [1]), "two words of flags"u8.ToArray(), time: 1_700_000_000_600),
        TestRecord.Message([], [], [0x80, 0x00], "a property list that is cut off"u8.ToArray(), time: 1_700_000_000_600),
        TestRecord.Message([], [], [], "a property list of no bytes"u8.ToArray(), time: 1_700_000_000_601),
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_vector_holds_what_its_description_says(string name)
    {
        Vectors vectors = Description();
        VectorFile file = vectors.Files[name];
        byte[] segment = await File.ReadAllBytesAsync(Path.Combine(Folder, name), TestContext.Current.CancellationToken);
        Assert.Equal(file.Sha256, Convert.ToHexStringLower(SHA256.HashData(segment)));

        using SegmentReader reader = await TestSegment.OpenAsync(segment);
        Assert.Equal(
            new SegmentHeader
            {
                RecordFormat = (RecordFormat)file.Version,
                Compression = (SegmentCompression)file.Compression,
                Records = file.Records,
                FirstTime = file.FirstTime,
                LastTime = file.LastTime,
            },
            reader.Header);
        Assert.Equal(file.Empty ? [] : vectors.Records.Select(record => record.ToRecord()), await TestSegment.ReadAsync(segment));
        Assert.EndsWith(reader.Header.Compression.FileEnding(), name);
    }

    [Theory]
    [InlineData(RecordFormat.Json)]
    [InlineData(RecordFormat.Binary)]
    public async Task What_is_not_compressed_is_written_byte_for_byte(RecordFormat format)
    {
        byte[] expected = await File.ReadAllBytesAsync(Path.Combine(Folder, Name(format, SegmentCompression.None, empty: false)), TestContext.Current.CancellationToken);

        Assert.Equal(expected, TestSegment.Write(format, SegmentCompression.None, Description().Records.Select(record => record.ToRecord())));
    }

    [Fact]
    public void Every_kind_of_segment_has_a_vector_and_an_empty_one() =>
        Assert.Equal(
            TestSegment.AllKinds.SelectMany(kind => new[] { Name(kind.Data.Item1, kind.Data.Item2, false), Name(kind.Data.Item1, kind.Data.Item2, true) }).Order(),
            Description().Files.Keys.Order());

    /// <summary>Writes the vectors anew, after a change of the format.</summary>
    [Fact(Explicit = true)]
    public void Write_the_vectors()
    {
        Directory.CreateDirectory(Folder);
        Vectors vectors = new() { Records = [.. Records.Select(VectorRecord.From)] };
        foreach ((RecordFormat format, SegmentCompression compression) in TestSegment.AllKinds.Select(kind => kind.Data))
        {
            foreach (bool empty in new[] { false, true })
            {
                string name = Name(format, compression, empty);
                byte[] segment = TestSegment.Write(format, compression, empty ? [] : Records);
                File.WriteAllBytes(Path.Combine(Folder, name), segment);
                vectors.Files[name] = new VectorFile
                {
                    Sha256 = Convert.ToHexStringLower(SHA256.HashData(segment)),
                    Version = (int)format,
                    Compression = (int)compression,
                    Empty = empty,
                    Records = empty ? 0 : Records.Sum(record => record.Messages),
                    FirstTime = empty ? 0 : Records[0].Time,
                    LastTime = empty ? 0 : Records[^1].Time,
                };
            }
        }

        File.WriteAllText(Path.Combine(Folder, "vectors.json"), JsonSerializer.Serialize(vectors, Indented) + "\n");
    }

    private static string Name(RecordFormat format, SegmentCompression compression, bool empty) =>
        string.Create(CultureInfo.InvariantCulture, $"v{(int)format}-{compression.ToString().ToLowerInvariant()}{(empty ? "-empty" : "")}{compression.FileEnding()}");

    private static Vectors Description() => JsonSerializer.Deserialize<Vectors>(File.ReadAllText(Path.Combine(Folder, "vectors.json")), Indented)!;

    private sealed class Vectors
    {
        public SortedDictionary<string, VectorFile> Files { get; init; } = [];

        public List<VectorRecord> Records { get; init; } = [];
    }

    private sealed record VectorFile
    {
        public required string Sha256 { get; init; }

        public int Version { get; init; }

        public int Compression { get; init; }

        public bool Empty { get; init; }

        public long Records { get; init; }

        public long FirstTime { get; init; }

        public long LastTime { get; init; }
    }

    private sealed record VectorRecord
    {
        public required string Kind { get; init; }

        public long Time { get; init; }

        public bool Redelivered { get; init; }

        public string Exchange { get; init; } = "";

        public string RoutingKey { get; init; } = "";

        public string Properties { get; init; } = "";

        public string Body { get; init; } = "";

        public long Offset { get; init; }

        public long Epoch { get; init; }

        public string Entry { get; init; } = "";

        internal static VectorRecord From(TestRecord record) => new()
        {
            Kind = record.Offset is null ? "message" : "stream_entry",
            Time = record.Time,
            Redelivered = record.Redelivered,
            Exchange = record.Exchange,
            RoutingKey = record.RoutingKey,
            Properties = record.Properties,
            Body = record.Body,
            Offset = record.Offset ?? 0,
            Epoch = record.Epoch,
            Entry = record.Entry,
        };

        internal TestRecord ToRecord() => new(Exchange, RoutingKey, Properties, Body, Redelivered, Time, Kind == "message" ? null : Offset, Epoch, Entry);
    }
}
