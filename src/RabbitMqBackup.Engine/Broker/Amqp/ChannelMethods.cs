using System.Buffers;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>queue.declare-ok (50, 11).</summary>
/// <param name="Ready">Messages that no consumer holds.</param>
/// <param name="Consumers">Consumers.</param>
internal readonly record struct DeclareOk(uint Ready, uint Consumers)
{
    /// <summary><c>queue shortstr · message-count u32 · consumer-count u32</c></summary>
    internal static DeclareOk Read(ReadOnlySpan<byte> arguments)
    {
        AmqpReader reader = new(arguments);
        reader.ReadShortString();
        return new DeclareOk(reader.ReadUInt32(), reader.ReadUInt32());
    }
}

/// <summary>Writers of the classes channel, queue and confirm.</summary>
internal static class ChannelMethods
{
    /// <summary>channel.open: <c>reserved shortstr</c></summary>
    internal static void WriteOpen(IBufferWriter<byte> output, ushort channel)
    {
        MethodWriter writer = new(output, channel, MethodId.ChannelOpen, 1);
        writer.UInt8(0);
        writer.End();
    }

    /// <summary>channel.flow-ok: <c>active bit</c></summary>
    internal static void WriteFlowOk(IBufferWriter<byte> output, ushort channel, bool active)
    {
        MethodWriter writer = new(output, channel, MethodId.ChannelFlowOk, 1);
        writer.UInt8(active ? (byte)1 : (byte)0);
        writer.End();
    }

    /// <summary>queue.declare: <c>reserved u16 · queue shortstr · (passive, durable, exclusive, auto-delete, no-wait) bits · arguments table</c></summary>
    internal static void WriteDeclarePassive(IBufferWriter<byte> output, ushort channel, string queue)
    {
        MethodWriter writer = new(output, channel, MethodId.QueueDeclare, 2 + MethodWriter.MaxShortString + 5);
        writer.UInt16(0);
        writer.ShortString(queue);
        writer.UInt8(0b0000_0001);
        writer.UInt32(0);
        writer.End();
    }

    /// <summary>confirm.select: <c>no-wait bit</c></summary>
    internal static void WriteConfirmSelect(IBufferWriter<byte> output, ushort channel)
    {
        MethodWriter writer = new(output, channel, MethodId.ConfirmSelect, 1);
        writer.UInt8(0);
        writer.End();
    }
}
