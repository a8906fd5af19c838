using System.Buffers;
using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using RabbitMqBackup.Engine.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Amqp;

public sealed class ContentAssemblerTests : IDisposable
{
    private readonly ContentAssembler _assembler = new();

    public void Dispose() => _assembler.Dispose();

    [Fact]
    public void An_empty_body_is_whole_with_its_header()
    {
        _assembler.Begin(MethodId.BasicDeliver, [1, 2]);
        Assert.True(_assembler.IsBusy);
        Assert.True(_assembler.Header(Header(0, 0x80, 0x00, 1, (byte)'t')));
        Assert.False(_assembler.IsBusy);
        Assert.Equal([1, 2], _assembler.Arguments.ToArray());
        Assert.Equal([0x80, 0x00, 1, (byte)'t'], _assembler.Properties.ToArray());
        Assert.True(_assembler.Body.IsEmpty);
    }

    [Fact]
    public void A_body_in_one_frame_is_not_copied()
    {
        byte[] frame = [9, 1, 2, 3, 9];
        _assembler.Begin(MethodId.BasicDeliver, []);
        Assert.False(_assembler.Header(Header(3)));
        Assert.True(_assembler.AddBody(new ReadOnlySequence<byte>(frame, 1, 3)));
        Assert.True(MemoryMarshal.TryGetArray(_assembler.Body.First, out ArraySegment<byte> lies));
        Assert.Same(frame, lies.Array);
        Assert.Equal([1, 2, 3], _assembler.Body.ToArray());
    }

    [Fact]
    public void Bodies_in_any_parts_come_out_as_they_went_in_one_after_the_other()
    {
        Prop.ForAll<byte[][]>(parts =>
        {
            byte[] body = [.. parts.SelectMany(part => part)];
            _assembler.Begin(MethodId.BasicDeliver, []);
            bool whole = _assembler.Header(Header((ulong)body.Length));
            foreach (byte[] part in parts.Where(part => part.Length > 0))
            {
                Assert.False(whole);
                whole = _assembler.AddBody(Wire.InPieces(part, 3));
            }

            Assert.True(whole);
            Assert.Equal(body, _assembler.Body.ToArray());
            _assembler.Reset();
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_body_larger_than_many_blocks_is_collected()
    {
        byte[] body = new byte[3_000_000];
        Random.Shared.NextBytes(body);
        for (int round = 0; round < 3; round++)
        {
            _assembler.Begin(MethodId.BasicDeliver, []);
            Assert.False(_assembler.Header(Header((ulong)body.Length)));
            bool whole = false;
            for (int at = 0; at < body.Length; at += 131_064)
            {
                Assert.False(whole);
                whole = _assembler.AddBody(new ReadOnlySequence<byte>(body, at, Math.Min(131_064, body.Length - at)));
            }

            Assert.True(whole);
            Assert.True(body.AsSpan().SequenceEqual(_assembler.Body.ToArray()));
            _assembler.Reset();
        }
    }

    [Theory]
    [InlineData(ContentAssembler.MaxBody + 1)]
    [InlineData(ulong.MaxValue)]
    public void A_body_above_the_limit_is_refused_when_it_is_announced(ulong size)
    {
        _assembler.Begin(MethodId.BasicDeliver, []);
        Assert.Throws<AmqpProtocolException>(() => _assembler.Header(Header(size)));
    }

    [Fact]
    public void More_body_than_announced_is_refused()
    {
        _assembler.Begin(MethodId.BasicDeliver, []);
        _assembler.Header(Header(3));
        _assembler.AddBody(new ReadOnlySequence<byte>([1, 2]));
        Assert.Throws<AmqpProtocolException>(() => _assembler.AddBody(new ReadOnlySequence<byte>([3, 4])));
    }

    [Fact]
    public void Frames_out_of_turn_are_refused()
    {
        Assert.Throws<AmqpProtocolException>(() => _assembler.Header(Header(3)));
        Assert.Throws<AmqpProtocolException>(() => _assembler.AddBody(new ReadOnlySequence<byte>([1])));
        _assembler.Begin(MethodId.BasicDeliver, []);
        Assert.Throws<AmqpProtocolException>(() => _assembler.AddBody(new ReadOnlySequence<byte>([1])));
        Assert.Throws<AmqpProtocolException>(() => _assembler.Begin(MethodId.BasicDeliver, []));
        _assembler.Header(Header(3));
        Assert.Throws<AmqpProtocolException>(() => _assembler.Header(Header(3)));
    }

    [Fact]
    public void A_header_without_room_for_its_flags_is_refused()
    {
        _assembler.Begin(MethodId.BasicDeliver, []);
        Assert.Throws<AmqpProtocolException>(() => _assembler.Header(new ReadOnlySequence<byte>(new byte[13])));
    }

    private static ReadOnlySequence<byte> Header(ulong size, params byte[] properties) =>
        new([0, 60, 0, 0, .. Wire.U64(size), .. properties.Length == 0 ? new byte[2] : properties]);
}
