using System.Buffers;
using RabbitMqBackup.Engine.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Amqp;

/// <summary>Methods against bytes that were built by hand from the protocol's grammar.</summary>
public class MethodTests
{
    [Fact]
    public void Declare_passive_asks_only()
    {
        Assert.Equal(
            Wire.Method(3, 50, 10, Wire.U16(0), Wire.Short("orders ü"), [0b00001], Wire.U32(0)),
            Written(output => ChannelMethods.WriteDeclarePassive(output, 3, "orders ü")));
    }

    [Fact]
    public void Qos_holds_for_the_consumers_that_follow()
    {
        Assert.Equal(Wire.Method(1, 60, 10, Wire.U32(0), Wire.U16(65535), [0]), Written(output => BasicMethods.WriteQos(output, 1, 65535)));
    }

    [Fact]
    public void Consume_is_neither_exclusive_nor_auto_acknowledged()
    {
        Assert.Equal(
            Wire.Method(1, 60, 20, Wire.U16(0), Wire.Short("q"), Wire.Short("bk-000"), [0], Wire.U32(0)),
            Written(output => BasicMethods.WriteConsume(output, 1, "q", "bk-000", default)));
    }

    [Fact]
    public void Consume_carries_the_consumer_timeout_in_milliseconds()
    {
        byte[] table = [.. Wire.Short("x-consumer-timeout"), (byte)'l', .. Wire.U64(7_200_000)];
        Assert.Equal(
            Wire.Method(1, 60, 20, Wire.U16(0), Wire.Short("q"), Wire.Short("bk-001"), [0], Wire.U32((uint)table.Length), table),
            Written(output => BasicMethods.WriteConsume(output, 1, "q", "bk-001", new() { Timeout = TimeSpan.FromHours(2) })));
    }

    [Fact]
    public void Get_does_not_acknowledge()
    {
        Assert.Equal(Wire.Method(1, 60, 70, Wire.U16(0), Wire.Short("q"), [0]), Written(output => BasicMethods.WriteGet(output, 1, "q")));
    }

    [Fact]
    public void Nack_gives_back_everything_up_to_the_tag()
    {
        Assert.Equal(Wire.Method(1, 60, 120, Wire.U64(0x0102030405060708), [0b11]), Written(output => BasicMethods.WriteRequeueUpTo(output, 1, 0x0102030405060708)));
    }

    [Fact]
    public void A_connection_says_what_it_can_do()
    {
        byte[] written = Written(output => ConnectionMethods.WriteStartOk(output, "backup of /orders", "1.2.3", "PLAIN", "\0user\0pass"u8));
        byte[] Capability(string name) => [.. Wire.Short(name), (byte)'t', 1];
        byte[] Text(string name, string value) => [.. Wire.Short(name), (byte)'S', .. Wire.Long(value)];
        byte[] capabilities =
        [
            .. Capability("publisher_confirms"), .. Capability("basic.nack"), .. Capability("consumer_cancel_notify"),
            .. Capability("connection.blocked"), .. Capability("authentication_failure_close"),
        ];
        byte[] properties =
        [
            .. Text("product", "RabbitMqBackup"), .. Text("version", "1.2.3"), .. Text("platform", ".NET"), .. Text("connection_name", "backup of /orders"),
            .. Wire.Short("capabilities"), (byte)'F', .. Wire.U32((uint)capabilities.Length), .. capabilities,
        ];
        Assert.Equal(
            Wire.Method(0, 10, 11, Wire.U32((uint)properties.Length), properties, Wire.Short("PLAIN"), Wire.Long("\0user\0pass"), Wire.Short("en_US")),
            written);
    }

    [Fact]
    public void A_name_of_more_than_255_octets_is_refused_before_anything_is_written()
    {
        ArrayBufferWriter<byte> output = new();
        ArgumentException exception = Assert.Throws<ArgumentException>(() => ChannelMethods.WriteDeclarePassive(output, 1, new string('ü', 128)));
        Assert.Contains("256", exception.Message);
        Assert.Equal(0, output.WrittenCount);
    }

    [Fact]
    public void Deliver_is_read_field_by_field()
    {
        byte[] arguments = [.. Wire.Short("bk-000"), .. Wire.U64(42), 1, .. Wire.Short("ex"), .. Wire.Short("key")];
        BasicDeliver deliver = BasicDeliver.Read(arguments);
        Assert.Equal(42ul, deliver.DeliveryTag);
        Assert.True(deliver.Redelivered);
        Assert.True(deliver.ConsumerTag.SequenceEqual("bk-000"u8));
        Assert.True(deliver.Exchange.SequenceEqual("ex"u8));
        Assert.True(deliver.RoutingKey.SequenceEqual("key"u8));
    }

    [Fact]
    public void Get_ok_is_read_field_by_field()
    {
        byte[] arguments = [.. Wire.U64(7), 0, .. Wire.Short(""), .. Wire.Short("q"), .. Wire.U32(99)];
        BasicDeliver deliver = BasicDeliver.ReadGetOk(arguments);
        Assert.Equal(7ul, deliver.DeliveryTag);
        Assert.False(deliver.Redelivered);
        Assert.True(deliver.RoutingKey.SequenceEqual("q"u8));
    }

    [Fact]
    public void Arguments_that_end_early_are_refused_at_every_length()
    {
        byte[] arguments = [.. Wire.Short("bk-000"), .. Wire.U64(42), 1, .. Wire.Short("ex"), .. Wire.Short("key")];
        for (int length = 0; length < arguments.Length; length++)
        {
            Assert.Throws<AmqpProtocolException>(() => { BasicDeliver.Read(arguments.AsSpan(0, length)); });
        }
    }

    [Fact]
    public void A_long_string_longer_than_the_frame_is_refused()
    {
        Assert.Throws<AmqpProtocolException>(() => { ConnectionStart.Read([0, 9, 0xFF, 0xFF, 0xFF, 0xFF]); });
    }

    [Theory]
    [InlineData(0, 131072, 60, 30, 131072, 30)]
    [InlineData(2047, 131072, 60, 30, 131072, 30)]
    [InlineData(2047, 8192, 10, 30, 8192, 10)]
    [InlineData(2047, 0, 0, 30, 131072, 30)]
    [InlineData(2047, 1 << 20, 60, 0, 131072, 60)]
    [InlineData(2047, 131072, 0, 0, 131072, 0)]
    public void Limits_are_agreed_upon(ushort channelMax, uint frameMax, ushort heartbeat, int ours, uint agreedFrameMax, ushort agreedHeartbeat)
    {
        ConnectionTune agreed = Handshake.Agree(new ConnectionTune(channelMax, frameMax, heartbeat), TimeSpan.FromSeconds(ours));
        Assert.Equal((agreedFrameMax, agreedHeartbeat), (agreed.FrameMax, agreed.Heartbeat));
        Assert.NotEqual(0, agreed.ChannelMax);
    }

    [Fact]
    public void A_frame_max_below_the_protocols_is_refused()
    {
        Assert.Throws<AmqpProtocolException>(() => Handshake.Agree(new ConnectionTune(0, 4095, 0), TimeSpan.Zero));
    }

    [Fact]
    public void A_body_is_split_by_frame_max()
    {
        byte[] body = [.. Enumerable.Range(0, 10_000).Select(i => (byte)i)];
        ReadOnlySequence<byte> rest = Wire.InPieces(body, 999);
        byte[] written = Written(output =>
        {
            ContentWriter.WriteStart(output, 2, "ex"u8, "key"u8, mandatory: true, new ReadOnlySequence<byte>([0x10, 0x00, 2]), body.Length);
            while (!rest.IsEmpty)
            {
                ContentWriter.WriteBodyFrame(output, 2, 4096, ref rest);
            }
        });
        Assert.Equal(
            [
                .. Wire.Method(2, 60, 40, Wire.U16(0), Wire.Short("ex"), Wire.Short("key"), [1]),
                .. Wire.Header(2, 10_000, 0x10, 0x00, 2),
                .. Wire.Body(2, body[..4088]), .. Wire.Body(2, body[4088..8176]), .. Wire.Body(2, body[8176..]),
            ],
            written);
    }

    private static byte[] Written(Action<IBufferWriter<byte>> write)
    {
        ArrayBufferWriter<byte> output = new();
        write(output);
        return output.WrittenSpan.ToArray();
    }
}
