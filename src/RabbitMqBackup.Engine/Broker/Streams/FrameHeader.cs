namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>The first eight bytes of a frame.</summary>
/// <param name="Size">Bytes after the size field: key, version and content.</param>
/// <param name="Key">The command, with the response bit.</param>
/// <param name="Version">The command's version.</param>
internal readonly record struct FrameHeader(uint Size, ushort Key, ushort Version)
{
    /// <summary>Set in the key of an answer.</summary>
    internal const ushort ResponseBit = 0x8000;

    /// <summary>Length on the wire: u32 size, u16 key, u16 version.</summary>
    internal const int Length = 8;

    /// <summary>The command without the response bit.</summary>
    internal StreamCommand Command => (StreamCommand)(Key & ~ResponseBit);

    /// <summary>True for an answer.</summary>
    internal bool IsResponse => (Key & ResponseBit) != 0;

    /// <summary>Bytes after key and version.</summary>
    internal uint ContentLength => Size - 4;
}
