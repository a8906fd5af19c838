using System.Buffers;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>basic.deliver (60, 60) and basic.get-ok (60, 71). It borrows the frame.</summary>
internal readonly ref struct BasicDeliver
{
    internal ulong DeliveryTag { get; init; }

    internal bool Redelivered { get; init; }

    /// <summary>Empty for get-ok.</summary>
    internal ReadOnlySpan<byte> ConsumerTag { get; init; }

    internal ReadOnlySpan<byte> Exchange { get; init; }

    internal ReadOnlySpan<byte> RoutingKey { get; init; }

    /// <summary><c>consumer-tag shortstr · delivery-tag u64 · redelivered bit · exchange shortstr · routing-key shortstr</c></summary>
    internal static BasicDeliver Read(ReadOnlySpan<byte> arguments)
    {
        AmqpReader reader = new(arguments);
        ReadOnlySpan<byte> consumerTag = reader.ReadShortString();
        return ReadRest(consumerTag, reader);
    }

    /// <summary><c>delivery-tag u64 · redelivered bit · exchange shortstr · routing-key shortstr · message-count u32</c></summary>
    internal static BasicDeliver ReadGetOk(ReadOnlySpan<byte> arguments)
    {
        return ReadRest([], new AmqpReader(arguments));
    }

    private static BasicDeliver ReadRest(ReadOnlySpan<byte> consumerTag, AmqpReader reader) => new()
    {
        ConsumerTag = consumerTag,
        DeliveryTag = reader.ReadUInt64(),
        Redelivered = (reader.ReadUInt8() & 1) != 0,
        Exchange = reader.ReadShortString(),
        RoutingKey = reader.ReadShortString(),
    };
}

/// <summary>basic.return (60, 50). It borrows the frame.</summary>
internal readonly ref struct BasicReturn
{
    internal ushort ReplyCode { get; init; }

    internal ReadOnlySpan<byte> ReplyText { get; init; }

    internal ReadOnlySpan<byte> Exchange { get; init; }

    internal ReadOnlySpan<byte> RoutingKey { get; init; }

    /// <summary><c>reply-code u16 · reply-text shortstr · exchange shortstr · routing-key shortstr</c></summary>
    internal static BasicReturn Read(ReadOnlySpan<byte> arguments)
    {
        AmqpReader reader = new(arguments);
        return new BasicReturn
        {
            ReplyCode = reader.ReadUInt16(),
            ReplyText = reader.ReadShortString(),
            Exchange = reader.ReadShortString(),
            RoutingKey = reader.ReadShortString(),
        };
    }
}

/// <summary>basic.ack (60, 80) or basic.nack (60, 120) from the broker: a publisher confirm.</summary>
internal readonly record struct BasicConfirm(ulong DeliveryTag, bool Multiple)
{
    /// <summary><c>delivery-tag u64 · multiple bit</c>; a nack has requeue in the second bit.</summary>
    internal static BasicConfirm Read(ReadOnlySpan<byte> arguments)
    {
        AmqpReader reader = new(arguments);
        return new BasicConfirm(reader.ReadUInt64(), (reader.ReadUInt8() & 1) != 0);
    }
}

/// <summary>Writers of the basic class.</summary>
internal static class BasicMethods
{
    /// <summary>qos: <c>prefetch-size u32 · prefetch-count u16 · global bit</c>. Not global: it holds for consumers that come after it.</summary>
    internal static void WriteQos(IBufferWriter<byte> output, ushort channel, ushort prefetch)
    {
        MethodWriter writer = new(output, channel, MethodId.BasicQos, 7);
        writer.UInt32(0);
        writer.UInt16(prefetch);
        writer.UInt8(0);
        writer.End();
    }

    /// <summary>consume: <c>reserved u16 · queue shortstr · consumer-tag shortstr · (no-local, no-ack, exclusive, no-wait) bits · arguments table</c></summary>
    internal static void WriteConsume(IBufferWriter<byte> output, ushort channel, string queue, string consumerTag, ConsumeArguments arguments)
    {
        MethodWriter writer = new(output, channel, MethodId.BasicConsume, 3 + (2 * MethodWriter.MaxShortString) + 64);
        writer.UInt16(0);
        writer.ShortString(queue);
        writer.ShortString(consumerTag);
        writer.UInt8(0);
        int table = writer.BeginTable();
        arguments.Write(ref writer);
        writer.EndTable(table);
        writer.End();
    }

    /// <summary>cancel: <c>consumer-tag shortstr · no-wait bit</c></summary>
    internal static void WriteCancel(IBufferWriter<byte> output, ushort channel, string consumerTag)
    {
        MethodWriter writer = new(output, channel, MethodId.BasicCancel, MethodWriter.MaxShortString + 1);
        writer.ShortString(consumerTag);
        writer.UInt8(0);
        writer.End();
    }

    /// <summary>get: <c>reserved u16 · queue shortstr · no-ack bit</c></summary>
    internal static void WriteGet(IBufferWriter<byte> output, ushort channel, string queue)
    {
        MethodWriter writer = new(output, channel, MethodId.BasicGet, 3 + MethodWriter.MaxShortString);
        writer.UInt16(0);
        writer.ShortString(queue);
        writer.UInt8(0);
        writer.End();
    }

    /// <summary>ack: <c>delivery-tag u64 · multiple bit</c>, set: everything up to the tag. For streams only, where it takes nothing away but lets the broker send more.</summary>
    internal static void WriteAckUpTo(IBufferWriter<byte> output, ushort channel, ulong deliveryTag)
    {
        MethodWriter writer = new(output, channel, MethodId.BasicAck, 9);
        writer.UInt64(deliveryTag);
        writer.UInt8(1);
        writer.End();
    }

    /// <summary>ack: <c>delivery-tag u64 · multiple bit</c>, of one message.</summary>
    internal static void WriteAck(IBufferWriter<byte> output, ushort channel, ulong deliveryTag)
    {
        MethodWriter writer = new(output, channel, MethodId.BasicAck, 9);
        writer.UInt64(deliveryTag);
        writer.UInt8(0);
        writer.End();
    }

    /// <summary>nack: <c>delivery-tag u64 · (multiple, requeue) bits</c>, both set: everything up to the tag goes back.</summary>
    internal static void WriteRequeueUpTo(IBufferWriter<byte> output, ushort channel, ulong deliveryTag)
    {
        MethodWriter writer = new(output, channel, MethodId.BasicNack, 9);
        writer.UInt64(deliveryTag);
        writer.UInt8(0b0000_0011);
        writer.End();
    }
}
