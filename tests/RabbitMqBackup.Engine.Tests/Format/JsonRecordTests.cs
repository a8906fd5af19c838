using System.Text;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages;
using RabbitMqBackup.Engine.Tests.Messages;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Format.TestSegment;
using static RabbitMqBackup.Engine.Tests.Messages.RawProperties;

namespace RabbitMqBackup.Engine.Tests.Format;

/// <summary>The JSON of version 1, as other tools see it and as they may write it.</summary>
public class JsonRecordTests
{
    [Fact]
    public void A_message_is_one_object_with_typed_headers()
    {
        byte[] properties = List(
            1 << 15 | 1 << 13 | 1 << 12 | 1 << 6,
            Short("text/plain"),
            Table(
                Field("t", 't', 1), Field("b", 'b', 0xFF), Field("B", 'B', 0xFF), Field("s", 's', 0xFF, 0xFE), Field("u", 'u', 0xFF, 0xFE),
                Field("I", 'I', 0xFF, 0xFF, 0xFF, 0xFE), Field("i", 'i', 0xFF, 0xFF, 0xFF, 0xFE), Field("l", 'l', U64(ulong.MaxValue)), Field("L", 'L', U64(ulong.MaxValue)),
                Field("f", 'f', 0x3F, 0x8C, 0xCC, 0xCD), Field("d", 'd', U64(0x8000_0000_0000_0000)), Field("nan", 'd', U64(0x7FF8_0000_0000_0001)),
                Field("D", 'D', 2, 0, 0, 0x30, 0x39), Field("S", 'S', Long("é\"")), Field("bin", 'S', Long([0xFF])), Field("x", 'x', Long([1, 2])), Field("T", 'T', U64(5)),
                Field("A", 'A', Long([.. Element('V'), .. Element('I', 0, 0, 0, 1)])), Field("F", 'F', Table(Field("in", 'V')))),
            [2],
            U64(1_700_000_000));
        TestRecord record = TestRecord.Message("ex"u8.ToArray(), [0xFF, 0x00], properties, "hello"u8.ToArray(), redelivered: true, time: 1_700_000_000_123);

        string expected = """
            {"exchange":"ex","routing_key":{"b64":"/wA="},"redelivered":true,"backed_up_at":1700000000123,"properties":{"content_type":"text/plain","headers":{
            "t":{"t":"t","v":true},"b":{"t":"b","v":-1},"B":{"t":"B","v":255},"s":{"t":"s","v":-2},"u":{"t":"u","v":65534},
            "I":{"t":"I","v":-2},"i":{"t":"i","v":4294967294},"l":{"t":"l","v":-1},"L":{"t":"L","v":18446744073709551615},
            "f":{"t":"f","v":1.1},"d":{"t":"d","v":"8000000000000000"},"nan":{"t":"d","v":"7FF8000000000001"},
            "D":{"t":"D","scale":2,"v":12345},"S":{"t":"S","v":"é\""},"bin":{"t":"S","b64":"/w=="},"x":{"t":"x","b64":"AQI="},"T":{"t":"T","v":5},
            "A":{"t":"A","v":[{"t":"V"},{"t":"I","v":1}]},"F":{"t":"F","v":{"in":{"t":"V"}}}},
            "delivery_mode":2,"timestamp":1700000000},"body":"aGVsbG8="}
            """.ReplaceLineEndings("");
        Assert.Equal(expected, Json(record));
    }

    [Fact]
    public void A_stream_entry_is_one_object()
    {
        Assert.Equal(
            """{"offset":7,"epoch":3,"backed_up_at":1000,"entry":"AQID"}""",
            Json(TestRecord.StreamEntry(7, [0, 0, 0, 3, 1, 2, 3], 1000, 3)));
        Assert.Equal(
            """{"offset":7,"epoch":3,"backed_up_at":1000,"batch":{"type":144,"messages":5,"uncompressed_bytes":256},"entry":"AQID"}""",
            Json(TestRecord.StreamEntry(7, [0x90, 0, 5, 0, 0, 1, 0, 0, 0, 0, 3, 1, 2, 3], 1000, 3)));
    }

    [Fact]
    public async Task Members_may_come_in_any_order_with_others_between_them_and_escaped()
    {
        byte[] segment = Segment("""
             { "future" : {"a":[1,{}]}, "body":"aG\u0056sbG8\u003d", "properties":{"priority":5,"unknown":[1],"headers":{"a\u0062":{"later":1,"v":{"n":{"v":7,"t":"B"}},"t":"F"},
             "m":{"v":12345,"scale":2,"t":"D"}},"content_type":{"x":1,"b64":"/w=="}},
             "redelivered":false,"backed_up_at":1,"routing_key":"k\/\u00e9" }
            """);
        byte[] properties = List(
            1 << 15 | 1 << 13 | 1 << 11,
            Short([0xFF]), Table(Field("ab", 'F', Table(Field("n", 'B', 7))), Field("m", 'D', 2, 0, 0, 0x30, 0x39)), [5]);

        Assert.Equal([TestRecord.Message([], "k/é"u8.ToArray(), properties, "hello"u8.ToArray())], await ReadAsync(segment));
    }

    [Fact]
    public async Task Without_properties_there_are_none() =>
        Assert.Equal([TestRecord.Message([], [], [0, 0], [])], await ReadAsync(Segment("""{"backed_up_at":1,"body":""}""")));

    [Fact]
    public void Only_what_JSON_cannot_give_back_is_written_raw()
    {
        byte[] deep = Table();
        for (int i = 1; i <= PropertyList.MaxDepth; i++)
        {
            deep = Table(Field("n", 'F', deep));
        }

        byte[][] odd =
        [
            [],
            [0, 1, 0, 0],
            [0x80, 0],
            Headers(Field("twice", 'V'), Field("twice", 'V')),
            Headers(Field("in", 'F', Table(Field("twice", 'V'), Field("twice", 'V')))),
            Headers(Field([0xFF], 'V')),
            Headers(Field("true", 't', 2)),
            Headers(Field("list", 'A', Long(Element('t', 2)))),
            List(1 << 13, deep),
            Headers([.. Enumerable.Range(0, 65).Select(i => Field($"{i}", 'V'))]),
        ];
        Assert.All(odd, list => Assert.Contains($"\"properties_raw\":\"{Convert.ToBase64String(list)}\"", Json(TestRecord.Message([], [], list, []))));

        byte[][] plain = [[0, 0], Headers(), Headers(Field("", 'V')), Headers([.. Enumerable.Range(0, 64).Select(i => Field($"{i}", 'V'))])];
        Assert.All(plain, list => Assert.Contains("\"properties\":{", Json(TestRecord.Message([], [], list, []))));
    }

    [Fact]
    public async Task The_deepest_list_that_is_written_as_JSON_is_read()
    {
        byte[] deep = Table();
        for (int i = 1; i < PropertyList.MaxDepth; i++)
        {
            deep = i % 2 == 0 ? Table(Field("n", 'F', deep)) : Table(Field("n", 'F', deep), Field("a", 'A', Long(Element('V'))));
        }

        TestRecord record = TestRecord.Message([], [], List(1 << 13, deep), []);
        Assert.Contains("\"properties\":{", Json(record));
        Assert.Equal([record], await ReadAsync(Write(RecordFormat.Json, SegmentCompression.None, [record])));
    }

    [Theory]
    [InlineData("", "bytes")]
    [InlineData("{", "JSON")]
    [InlineData("[]", "StartArray where a StartObject is expected")]
    [InlineData("""{"backed_up_at":1,"body":""} x""", "invalid after")]
    [InlineData("""{"backed_up_at":1}""", "no body")]
    [InlineData("""{"body":""}""", "backed_up_at")]
    [InlineData("""{"backed_up_at":1.5,"body":""}""", "JSON")]
    [InlineData("""{"backed_up_at":1,"body":"a"}""", "base64")]
    [InlineData("""{"backed_up_at":1,"body":7}""", "Number where a String is expected")]
    [InlineData("""{"backed_up_at":1,"body":"","exchange":7}""", "Number where a String is expected")]
    [InlineData("""{"backed_up_at":1,"body":"","exchange":{"b":1}}""", "no member b64")]
    [InlineData("""{"backed_up_at":1,"body":"","exchange":"\ud800"}""", "JSON")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":[]}""", "StartArray where a StartObject is expected")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"priority":256}}""", "JSON")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":1}}}""", "Number where a StartObject is expected")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":{"v":1}}}}""", "no type")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":{"t":"U","v":1}}}}""", "no type, or one that does not exist")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":{"t":"B"}}}}""", "no value")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":{"t":"B","v":-1}}}}""", "JSON")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":{"t":"V","v":1}}}}""", "has a member v")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":{"t":"x","v":"AQI="}}}}""", "has a member v")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":{"t":"d","v":"7FF8"}}}}""", "are 2 bytes")]
    [InlineData("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":{"t":"A","v":{}}}}}""", "StartObject where a StartArray is expected")]
    [InlineData("""{"backed_up_at":1,"entry":"AQ=="}""", "no possible offset")]
    [InlineData("""{"backed_up_at":1,"offset":-1,"entry":"AQ=="}""", "no possible offset")]
    [InlineData("""{"backed_up_at":1,"offset":9223372036854775807,"entry":"AQ=="}""", "no possible offset")]
    [InlineData("""{"backed_up_at":1,"offset":1,"batch":{"type":1,"messages":1},"entry":"AQ=="}""", "top bit")]
    [InlineData("""{"backed_up_at":1,"offset":1,"batch":{"type":128},"entry":"AQ=="}""", "no messages")]
    public async Task What_is_not_such_a_record_is_refused(string json, string complaint)
    {
        RabbitBackupException error = await FailAsync(Segment(json));

        Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
        Assert.Contains(complaint, error.Message);
    }

    [Fact]
    public async Task A_short_string_that_is_too_long_is_refused()
    {
        string text = new('x', 256);

        Assert.Contains("256 bytes", (await FailAsync(Segment("""{"backed_up_at":1,"body":"","routing_key":"TEXT"}""".Replace("TEXT", text)))).Message);
        Assert.Contains("256 bytes", (await FailAsync(Segment("""{"backed_up_at":1,"body":"","properties":{"type":"TEXT"}}""".Replace("TEXT", text)))).Message);
        Assert.Contains("256 bytes", (await FailAsync(Segment("""{"backed_up_at":1,"body":"","properties":{"headers":{"NAME":{"t":"V"}}}}""".Replace("NAME", text)))).Message);
    }

    [Fact]
    public async Task Nesting_ends_at_its_cap()
    {
        string value = string.Concat(Enumerable.Repeat("""{"t":"A","v":[""", 1000)) + string.Concat(Enumerable.Repeat("]}", 1000));

        Assert.Contains("depth", (await FailAsync(Segment("""{"backed_up_at":1,"body":"","properties":{"headers":{"a":VALUE}}}""".Replace("VALUE", value)))).Message);
    }

    private static string Json(TestRecord record)
    {
        byte[] segment = Write(RecordFormat.Json, SegmentCompression.None, [record]);
        return Encoding.UTF8.GetString(segment.AsSpan(36..^8));
    }

    private static byte[] Segment(string json) => Forge(Prefixed(Encoding.UTF8.GetBytes(json)), version: 1);
}
