using System.Buffers;
using FsCheck;
using FsCheck.Fluent;
using RabbitMqBackup.Engine.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Amqp;

public class FrameParserTests
{
    private const int FrameMax = 4096;

    [Fact]
    public void Frames_split_at_every_boundary_come_out_whole()
    {
        byte[] bytes = [.. Wire.Method(1, 60, 60, [1, 2, 3]), .. Wire.Header(1, 4), .. Wire.Body(1, [9, 8, 7, 6]), .. Wire.Heartbeat()];
        for (int piece = 1; piece <= bytes.Length; piece++)
        {
            Assert.Equal([(1, 1, 7), (2, 1, 14), (3, 1, 4), (8, 0, 0)], Parse(Wire.InPieces(bytes, piece)));
        }
    }

    [Fact]
    public void Every_truncation_asks_for_more_and_consumes_nothing()
    {
        byte[] bytes = Wire.Body(7, [1, 2, 3]);
        for (int length = 0; length < bytes.Length; length++)
        {
            ReadOnlySequence<byte> buffer = new(bytes, 0, length);
            Assert.False(FrameParser.TryRead(ref buffer, FrameMax, out _));
            Assert.Equal(length, buffer.Length);
        }
    }

    [Fact]
    public void A_wrong_end_octet_is_refused()
    {
        byte[] bytes = Wire.Body(1, [1, 2, 3]);
        bytes[^1] = 0xCD;
        AmqpProtocolException exception = Assert.Throws<AmqpProtocolException>(() => Parse(new ReadOnlySequence<byte>(bytes)));
        Assert.Contains("0xCD", exception.Message);
        Assert.Throws<AmqpProtocolException>(() => Parse(Wire.InPieces(bytes, 3)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(9)]
    [InlineData((byte)'A')]
    [InlineData((byte)'H')]
    public void An_unknown_type_is_refused_at_its_first_octet(byte type)
    {
        Assert.Throws<AmqpProtocolException>(() => Parse(new ReadOnlySequence<byte>([type])));
    }

    [Theory]
    [InlineData(1, FrameMax - 7)]
    [InlineData(3, FrameMax - 7)]
    [InlineData(3, uint.MaxValue)]
    [InlineData(2, FrameMax + FrameParser.HeaderAllowance)]
    public void A_frame_above_the_limit_is_refused_by_its_header_alone(byte type, uint size)
    {
        byte[] bytes = [type, 0, 1, .. Wire.U32(size)];
        Assert.Throws<AmqpProtocolException>(() => Parse(new ReadOnlySequence<byte>(bytes)));
    }

    [Fact]
    public void A_frame_of_exactly_frame_max_is_taken()
    {
        byte[] bytes = Wire.Body(1, new byte[FrameMax - FrameParser.Overhead]);
        Assert.Equal(FrameMax, bytes.Length);
        Assert.Single(Parse(new ReadOnlySequence<byte>(bytes)));
    }

    [Fact]
    public void A_content_header_may_be_larger_than_frame_max()
    {
        byte[] bytes = Wire.Header(1, 1, new byte[FrameMax * 2]);
        Assert.Single(Parse(new ReadOnlySequence<byte>(bytes)));
    }

    [Fact]
    public void Any_frames_in_any_pieces_come_out_as_they_went_in()
    {
        Gen<(byte Type, ushort Channel, byte[] Payload)> frame =
            from type in Gen.Elements<byte>(1, 2, 3, 8)
            from channel in Gen.Choose(0, ushort.MaxValue)
            from payload in Gen.ArrayOf(Gen.Choose(0, 255).Select(value => (byte)value))
            select (type, (ushort)channel, payload);
        Arbitrary<((byte Type, ushort Channel, byte[] Payload)[] Frames, int Piece)> input = Arb.From(
            from frames in Gen.ArrayOf(frame)
            from piece in Gen.Choose(1, 20)
            select (frames, piece));
        Prop.ForAll(input, input =>
        {
            byte[] bytes = [.. input.Frames.SelectMany(frame => Wire.Frame(frame.Type, frame.Channel, frame.Payload))];
            ReadOnlySequence<byte> buffer = bytes.Length == 0 ? ReadOnlySequence<byte>.Empty : Wire.InPieces(bytes, input.Piece);
            foreach ((byte type, ushort channel, byte[] payload) in input.Frames)
            {
                Assert.True(FrameParser.TryRead(ref buffer, FrameMax, out Frame parsed));
                Assert.Equal(((FrameType)type, channel), (parsed.Type, parsed.Channel));
                Assert.Equal(payload, parsed.Payload.ToArray());
            }

            Assert.True(buffer.IsEmpty);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Random_bytes_are_refused_or_wait_for_more_but_never_break_the_parser()
    {
        Prop.ForAll<byte[]>(bytes =>
        {
            try
            {
                Parse(new ReadOnlySequence<byte>(bytes));
            }
            catch (AmqpProtocolException)
            {
                // Refused.
            }
        }).QuickCheckThrowOnFailure();
    }

    private static List<(int Type, int Channel, int Length)> Parse(ReadOnlySequence<byte> buffer)
    {
        List<(int, int, int)> frames = [];
        while (FrameParser.TryRead(ref buffer, FrameMax, out Frame frame))
        {
            frames.Add(((int)frame.Type, frame.Channel, (int)frame.Payload.Length));
        }

        return frames;
    }
}
