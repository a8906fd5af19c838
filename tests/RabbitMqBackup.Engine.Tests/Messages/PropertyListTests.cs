using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using RabbitMqBackup.Engine.Messages;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Messages.RawProperties;

namespace RabbitMqBackup.Engine.Tests.Messages;

public class PropertyListTests
{
    [Fact]
    public void All_fourteen_properties_are_decoded()
    {
        byte[] raw = List(
            0b1111_1111_1111_1100,
            Short("text/plain"), Short("gzip"), Table(Field("k", 'l', U64(7))), [2], [9], Short("corr"), Short("reply"), Short("60000"), Short("id"),
            U64(1_700_000_000), Short("kind"), Short("guest"), Short("app"), Short("cluster"));

        MessageProperties properties = PropertyList.Parse(raw);

        Assert.Equal("text/plain", properties.ContentType);
        Assert.Equal("gzip", properties.ContentEncoding);
        Assert.Equal(7L, Assert.Single(properties.Headers).Value);
        Assert.Equal((byte)2, properties.DeliveryMode);
        Assert.Equal((byte)9, properties.Priority);
        Assert.Equal("corr", properties.CorrelationId);
        Assert.Equal("reply", properties.ReplyTo);
        Assert.Equal("60000", properties.Expiration);
        Assert.Equal("id", properties.MessageId);
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000), properties.Timestamp);
        Assert.Equal("kind", properties.Type);
        Assert.Equal("guest", properties.UserId);
        Assert.Equal("app", properties.AppId);
        Assert.Equal("cluster", properties.ClusterId);
    }

    [Fact]
    public void A_list_without_properties_has_none()
    {
        MessageProperties properties = PropertyList.Parse([0, 0]);

        Assert.Equal(new MessageProperties { Headers = properties.Headers }, properties);
        Assert.Empty(properties.Headers);
    }

    [Fact]
    public void Every_field_type_has_its_CLR_type()
    {
        byte[] raw = Headers(
            Field("t", 't', 1), Field("b", 'b', 0xFE), Field("B", 'B', 0xFE), Field("s", 's', 0xFF, 0xFE), Field("u", 'u', 0xFF, 0xFE),
            Field("I", 'I', 0xFF, 0xFF, 0xFF, 0xFE), Field("i", 'i', 0xFF, 0xFF, 0xFF, 0xFE), Field("l", 'l', U64(ulong.MaxValue - 1)), Field("L", 'L', U64(ulong.MaxValue)),
            Field("f", 'f', 0x3F, 0xC0, 0, 0), Field("d", 'd', U64(0x3FF8_0000_0000_0000)), Field("D", 'D', 2, 0, 0, 0x30, 0x39), Field("S", 'S', Long("añb")),
            Field("S2", 'S', Long([0xFF, 0x00])), Field("x", 'x', Long([1, 2])), Field("T", 'T', U64(0)), Field("V", 'V'),
            Field("A", 'A', Long([.. Element('I', 0, 0, 0, 1), .. Element('V')])), Field("F", 'F', Table(Field("in", 't', 0))));

        IReadOnlyDictionary<string, object?> headers = PropertyList.Parse(raw).Headers;

        Assert.Equal(true, headers["t"]);
        Assert.Equal((sbyte)-2, headers["b"]);
        Assert.Equal((byte)254, headers["B"]);
        Assert.Equal((short)-2, headers["s"]);
        Assert.Equal((ushort)65534, headers["u"]);
        Assert.Equal(-2, headers["I"]);
        Assert.Equal(4294967294u, headers["i"]);
        Assert.Equal(-2L, headers["l"]);
        Assert.Equal(ulong.MaxValue, headers["L"]);
        Assert.Equal(1.5f, headers["f"]);
        Assert.Equal(1.5d, headers["d"]);
        Assert.Equal(123.45m, headers["D"]);
        Assert.Equal("añb", headers["S"]);
        Assert.Equal(new byte[] { 0xFF, 0x00 }, headers["S2"]);
        Assert.Equal(new byte[] { 1, 2 }, headers["x"]);
        Assert.Equal(DateTimeOffset.UnixEpoch, headers["T"]);
        Assert.Null(headers["V"]);
        Assert.Equal(new object?[] { 1, null }, Assert.IsType<List<object?>>(headers["A"]));
        Assert.Equal(false, Assert.IsType<Dictionary<string, object?>>(headers["F"])["in"]);
        Assert.Equal(19, headers.Count);
    }

    [Fact]
    public void What_CLR_types_cannot_hold_is_shown_as_near_as_possible()
    {
        byte[] raw = List(
            1 << 13 | 1 << 6,
            Table(Field("D", 'D', 200, 0, 0, 0, 5), Field("D2", 'D', 0, 0xFF, 0xFF, 0xFF, 0xFF), Field("T", 'T', U64(ulong.MaxValue))),
            U64(1_700_000_000_000));

        MessageProperties properties = PropertyList.Parse(raw);

        Assert.Equal(5e-200, Assert.IsType<double>(properties.Headers["D"]), 1e-210);
        Assert.Equal(4294967295m, properties.Headers["D2"]);
        Assert.Equal(ulong.MaxValue, properties.Headers["T"]);
        Assert.Null(properties.Timestamp);
    }

    [Fact]
    public void Of_two_headers_with_one_name_the_first_counts()
    {
        byte[] raw = Headers(Field("k", 'B', 1), Field("k", 'B', 2));

        Assert.Equal((byte)1, PropertyList.Parse(raw).Headers["k"]);
        Assert.True(PropertyList.TryGetHeader(raw, "k"u8, out long value));
        Assert.Equal(1, value);
    }

    [Theory]
    [InlineData(new byte[0], 0, "no property flags")]
    [InlineData(new byte[] { 0x80 }, 0, "no property flags")]
    [InlineData(new byte[] { 0x00, 0x02 }, 0, "does not exist")]
    [InlineData(new byte[] { 0x00, 0x01 }, 2, "announced and missing")]
    [InlineData(new byte[] { 0x00, 0x01, 0x80, 0x00 }, 2, "does not exist")]
    [InlineData(new byte[] { 0x80, 0x00 }, 2, "ContentType is cut off")]
    [InlineData(new byte[] { 0x80, 0x00, 3, 65, 65 }, 2, "ContentType has 3 bytes by its length, and 2 are left")]
    [InlineData(new byte[] { 0x90, 0x00, 0 }, 3, "DeliveryMode is cut off")]
    [InlineData(new byte[] { 0x00, 0x40, 1, 2, 3, 4, 5, 6, 7 }, 2, "Timestamp is cut off")]
    [InlineData(new byte[] { 0x20, 0x00, 0xFF, 0xFF, 0xFF, 0xFF }, 2, "Headers has 4294967295 bytes by its length, and 0 are left")]
    [InlineData(new byte[] { 0x10, 0x00, 2, 9 }, 3, "1 bytes follow its last property")]
    [InlineData(new byte[] { 0x20, 0x00, 0, 0, 0, 3, 2, 65, 65 }, 6, "cut off in its name")]
    [InlineData(new byte[] { 0x20, 0x00, 0, 0, 0, 3, 1, 65, (byte)'U' }, 6, "type 0x55")]
    [InlineData(new byte[] { 0x20, 0x00, 0, 0, 0, 4, 1, 65, (byte)'I', 0 }, 6, "cut off in its value")]
    [InlineData(new byte[] { 0x20, 0x00, 0, 0, 0, 7, 1, 65, (byte)'S', 0xFF, 0xFF, 0xFF, 0xFF }, 6, "longer than what is left")]
    [InlineData(new byte[] { 0x20, 0x00, 0, 0, 0, 9, 1, 65, (byte)'A', 0, 0, 0, 2, (byte)'s', 0 }, 13, "cut off in its value")]
    public void A_malformed_list_is_refused_with_its_position(byte[] raw, int position, string complaint)
    {
        RabbitBackupException error = Assert.Throws<RabbitBackupException>(() => PropertyList.Parse(raw));

        Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
        Assert.Contains($"at byte {position}: ", error.Message);
        Assert.Contains(complaint, error.Message);
        Assert.Equal(error.Message, Assert.Throws<RabbitBackupException>(() => PropertyList.Check(raw)).Message);
        Assert.False(PropertyList.HasHeader(raw, "not there"u8));
        Assert.False(PropertyList.TryGetHeader(raw, "not there"u8, out _));
    }

    [Fact]
    public void Nesting_ends_at_its_cap()
    {
        byte[] Nested(int levels)
        {
            byte[] table = Table();
            for (int i = 1; i < levels; i++)
            {
                table = Table(Field("n", 'F', table));
            }

            return List(1 << 13, table);
        }

        Assert.Single(PropertyList.Parse(Nested(PropertyList.MaxDepth)).Headers);
        Assert.Contains("64 levels", Assert.Throws<RabbitBackupException>(() => PropertyList.Parse(Nested(PropertyList.MaxDepth + 1))).Message);
        Assert.Throws<RabbitBackupException>(() => PropertyList.Check(Nested(10_000)));
        Assert.True(PropertyList.HasHeader(Nested(10_000), "n"u8));
    }

    [Theory]
    [InlineData('b', new byte[] { 0xFF }, -1)]
    [InlineData('B', new byte[] { 0xFF }, 255)]
    [InlineData('s', new byte[] { 0xFF, 0xFF }, -1)]
    [InlineData('u', new byte[] { 0xFF, 0xFF }, 65535)]
    [InlineData('I', new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }, -1)]
    [InlineData('i', new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }, 4294967295)]
    [InlineData('l', new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE }, -2)]
    [InlineData('L', new byte[] { 0, 0, 0, 0, 0, 0, 0, 5 }, 5)]
    public void An_integer_header_of_any_width_is_found(char type, byte[] value, long expected)
    {
        byte[] raw = List(1 << 15 | 1 << 13, Short("text/plain"), Table(Field("before", 'S', Long("x-delivery-count")), Field("x-delivery-count", type, value)));

        Assert.True(PropertyList.TryGetHeader(raw, "x-delivery-count"u8, out long found));
        Assert.Equal(expected, found);
        Assert.False(PropertyList.TryGetHeader(raw, "x-delivery"u8, out _));
        Assert.False(PropertyList.TryGetHeader(raw, "before"u8, out _));
        Assert.True(PropertyList.HasHeader(raw, "before"u8));
        Assert.False(PropertyList.TryGetHeader([0, 0], "x-delivery-count"u8, out _));
    }

    [Fact]
    public void A_header_is_found_without_allocation()
    {
        byte[] raw = List(1 << 15 | 1 << 13, Short("text/plain"), Table(Field("before", 'S', Long("value")), Field("x-stream-offset", 'l', U64(12))));
        PropertyList.TryGetHeader(raw, "x-stream-offset"u8, out _);

        long before = GC.GetAllocatedBytesForCurrentThread();
        long sum = 0;
        for (int i = 0; i < 1000; i++)
        {
            PropertyList.TryGetHeader(raw, "x-stream-offset"u8, out long value);
            PropertyList.HasHeader(raw, "CC"u8);
            PropertyList.Check(raw);
            sum += value;
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(12_000, sum);
    }

    [Fact]
    public void Any_well_formed_list_is_decoded_and_every_truncation_of_it_refused()
    {
        Random random = new(20261123);
        for (int i = 0; i < 300; i++)
        {
            byte[] raw = Any(random);
            PropertyList.Check(raw);
            PropertyList.Parse(raw);
            for (int length = 0; length < raw.Length; length++)
            {
                byte[] cut = raw[..length];
                Assert.Throws<RabbitBackupException>(() => PropertyList.Check(cut));
            }
        }
    }

    [Fact]
    public void Altered_lists_never_lead_to_another_error_or_to_much_memory()
    {
        Random random = new(4711);
        Stopwatch clock = Stopwatch.StartNew();
        int refused = 0;
        for (int i = 0; clock.ElapsedMilliseconds < 2000; i++)
        {
            byte[] raw = Any(random);
            for (int flips = random.Next(1, 5); flips > 0; flips--)
            {
                raw[random.Next(raw.Length)] = (byte)random.Next(256);
            }

            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                PropertyList.Parse(raw);
            }
            catch (RabbitBackupException e) when (e.Code == ErrorCode.SegmentCorrupt)
            {
                refused++;
            }

            // a list of nulls is the densest: 8 bytes of references, growing by doubling, per byte
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 65536 + (raw.Length * 128));
        }

        Assert.InRange(refused, 1, int.MaxValue);
    }
}
