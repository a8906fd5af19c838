using System.Buffers;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>connection.start (10, 10), from the broker. It borrows the frame.</summary>
internal readonly ref struct ConnectionStart
{
    internal byte VersionMajor { get; init; }

    internal byte VersionMinor { get; init; }

    /// <summary>SASL mechanisms, separated by blanks.</summary>
    internal ReadOnlySpan<byte> Mechanisms { get; init; }

    /// <summary><c>version-major u8 · version-minor u8 · server-properties table · mechanisms longstr · locales longstr</c></summary>
    internal static ConnectionStart Read(ReadOnlySpan<byte> arguments)
    {
        AmqpReader reader = new(arguments);
        byte major = reader.ReadUInt8();
        byte minor = reader.ReadUInt8();
        reader.ReadLongString();
        return new ConnectionStart { VersionMajor = major, VersionMinor = minor, Mechanisms = reader.ReadLongString() };
    }

    /// <summary>True when the broker offers this mechanism.</summary>
    internal bool Offers(string mechanism) => Array.IndexOf(Encoding.ASCII.GetString(Mechanisms).Split(' '), mechanism) >= 0;
}

/// <summary>connection.tune (10, 30) and tune-ok (10, 31): limits, 0 for none.</summary>
internal readonly record struct ConnectionTune(ushort ChannelMax, uint FrameMax, ushort Heartbeat)
{
    /// <summary><c>channel-max u16 · frame-max u32 · heartbeat u16 (s)</c></summary>
    internal static ConnectionTune Read(ReadOnlySpan<byte> arguments)
    {
        AmqpReader reader = new(arguments);
        return new ConnectionTune(reader.ReadUInt16(), reader.ReadUInt32(), reader.ReadUInt16());
    }
}

/// <summary>connection.close (10, 50) or channel.close (20, 40): why the peer ends it.</summary>
/// <param name="Code">Reply code.</param>
/// <param name="Text">The peer's words.</param>
/// <param name="Cause">The method that it answers, or none.</param>
internal readonly record struct CloseArguments(ushort Code, string Text, MethodId Cause)
{
    /// <summary><c>reply-code u16 · reply-text shortstr · class-id u16 · method-id u16</c></summary>
    internal static CloseArguments Read(ReadOnlySpan<byte> arguments)
    {
        AmqpReader reader = new(arguments);
        return new CloseArguments(reader.ReadUInt16(), Encoding.UTF8.GetString(reader.ReadShortString()), (MethodId)reader.ReadUInt32());
    }

    /// <inheritdoc cref="Read"/>
    internal static void Write(IBufferWriter<byte> output, ushort channel, MethodId method)
    {
        MethodWriter writer = new(output, channel, method, 2 + MethodWriter.MaxShortString + 4);
        writer.UInt16(ReplyCode.Success);
        writer.ShortString("done");
        writer.UInt32(0);
        writer.End();
    }
}

/// <summary>Writers of the connection class.</summary>
internal static class ConnectionMethods
{
    /// <summary>What a client sends first: <c>'AMQP' · 0 · 0 · 9 · 1</c>.</summary>
    internal static ReadOnlySpan<byte> ProtocolHeader => [(byte)'A', (byte)'M', (byte)'Q', (byte)'P', 0, 0, 9, 1];

    /// <summary>start-ok: <c>client-properties table · mechanism shortstr · response longstr · locale shortstr</c></summary>
    internal static void WriteStartOk(IBufferWriter<byte> output, string connectionName, string version, string mechanism, ReadOnlySpan<byte> response)
    {
        MethodWriter writer = new(output, 0, MethodId.ConnectionStartOk, 1024 + (connectionName.Length * 3) + response.Length);
        int properties = writer.BeginTable();
        writer.Field("product", "RabbitMqBackup");
        writer.Field("version", version);
        writer.Field("platform", ".NET");
        writer.Field("connection_name", connectionName);
        int capabilities = writer.BeginTableField("capabilities");
        writer.Field("publisher_confirms", true);
        writer.Field("basic.nack", true);
        writer.Field("consumer_cancel_notify", true);
        writer.Field("connection.blocked", true);
        writer.Field("authentication_failure_close", true);
        writer.EndTable(capabilities);
        writer.EndTable(properties);
        writer.ShortString(mechanism);
        writer.LongString(response);
        writer.ShortString("en_US");
        writer.End();
    }

    /// <summary>tune-ok: as tune.</summary>
    internal static void WriteTuneOk(IBufferWriter<byte> output, ConnectionTune tune)
    {
        MethodWriter writer = new(output, 0, MethodId.ConnectionTuneOk, 8);
        writer.UInt16(tune.ChannelMax);
        writer.UInt32(tune.FrameMax);
        writer.UInt16(tune.Heartbeat);
        writer.End();
    }

    /// <summary>open: <c>virtual-host shortstr · reserved shortstr · reserved bit</c></summary>
    internal static void WriteOpen(IBufferWriter<byte> output, string virtualHost)
    {
        MethodWriter writer = new(output, 0, MethodId.ConnectionOpen, MethodWriter.MaxShortString + 2);
        writer.ShortString(virtualHost);
        writer.UInt8(0);
        writer.UInt8(0);
        writer.End();
    }

    /// <summary>A method without arguments, of any class: close-ok.</summary>
    internal static void WriteEmpty(IBufferWriter<byte> output, ushort channel, MethodId method)
    {
        MethodWriter writer = new(output, channel, method, 0);
        writer.End();
    }

    /// <summary>A heartbeat: <c>type 8 · channel 0 · size 0 · 0xCE</c>.</summary>
    internal static void WriteHeartbeat(IBufferWriter<byte> output) => output.Write<byte>([(byte)FrameType.Heartbeat, 0, 0, 0, 0, 0, 0, FrameParser.End]);
}
