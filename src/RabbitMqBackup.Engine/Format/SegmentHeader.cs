using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// The first 32 bytes of a segment, integers little-endian:
/// <code>
///  0  4  RBAK
///  4  1  version: 1 JSON records, 2 binary records
///  5  1  compression: 0 none, 1 zstd, 2 LZ4
///  6  2  0; in version 2 flags, none of which is defined yet
///  8  8  messages, u64
/// 16  8  time of the first record, i64, ms since 1970 UTC
/// 24  8  time of the last record
/// </code>
/// </summary>
internal readonly record struct SegmentHeader
{
    /// <summary>Bytes of a header.</summary>
    internal const int Length = 32;

    /// <summary>The earliest time of a record: 0001-01-01T00:00:00Z, ms since 1970 UTC.</summary>
    internal const long MinTime = -62_135_596_800_000;

    /// <summary>The latest time of a record: 9999-12-31T23:59:59.999Z.</summary>
    internal const long MaxTime = 253_402_300_799_999;

    /// <summary>How the records are written.</summary>
    public RecordFormat RecordFormat { get; init; }

    /// <summary>How the payload is compressed.</summary>
    public SegmentCompression Compression { get; init; }

    /// <summary>Messages in it.</summary>
    public long Records { get; init; }

    /// <summary>Time of the first record, ms since 1970 UTC; 0 where there is none.</summary>
    public long FirstTime { get; init; }

    /// <summary>Time of the last record, ms since 1970 UTC; 0 where there is none.</summary>
    public long LastTime { get; init; }

    private static ReadOnlySpan<byte> Magic => "RBAK"u8;

    /// <summary>Writes it into 32 bytes.</summary>
    internal void Write(Span<byte> destination)
    {
        Magic.CopyTo(destination);
        destination[4] = (byte)RecordFormat;
        destination[5] = (byte)Compression;
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], 0);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], Records);
        BinaryPrimitives.WriteInt64LittleEndian(destination[16..], FirstTime);
        BinaryPrimitives.WriteInt64LittleEndian(destination[24..], LastTime);
    }

    /// <summary>Checks that 32 bytes are the beginning of a segment.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>.</exception>
    internal static void CheckMagic(ReadOnlySpan<byte> source, SegmentFault fault)
    {
        if (!source.StartsWith(Magic))
        {
            throw fault.Corrupt(0, "it does not begin with RBAK");
        }
    }

    /// <summary>Parses 32 bytes.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/> or <see cref="ErrorCode.FormatTooNew"/>.</exception>
    internal static SegmentHeader Parse(ReadOnlySpan<byte> source, SegmentFault fault)
    {
        CheckMagic(source, fault);
        byte version = source[4];
        byte compression = source[5];
        ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(source[6..]);
        ulong records = BinaryPrimitives.ReadUInt64LittleEndian(source[8..]);
        if (version == 0)
        {
            throw fault.Corrupt(4, "its version is 0");
        }

        if (version > (byte)RecordFormat.Binary)
        {
            throw fault.TooNew($"format version {version} (at byte 4)");
        }

        if (compression > (byte)SegmentCompression.Lz4)
        {
            throw fault.TooNew($"compression {compression} (at byte 5)");
        }

        if (flags != 0)
        {
            throw version == (byte)RecordFormat.Json
                ? fault.Corrupt(6, "the reserved bytes are not 0")
                : fault.TooNew($"flags 0x{flags:X4} (at byte 6)");
        }

        if (records > long.MaxValue)
        {
            throw fault.Corrupt(8, "the number of messages is impossible");
        }

        return new SegmentHeader
        {
            RecordFormat = (RecordFormat)version,
            Compression = (SegmentCompression)compression,
            Records = (long)records,
            FirstTime = BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
            LastTime = BinaryPrimitives.ReadInt64LittleEndian(source[24..]),
        };
    }
}
