using System.Buffers.Binary;
using System.IO.Compression;
using K4os.Compression.LZ4.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;
using Snappier;
using ZstdSharp;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>Builds entries as a publisher would, with the compressors' own stream classes.</summary>
internal static class TestEntries
{
    /// <summary>An AMQP 1.0 message: one data section.</summary>
    internal static byte[] Data(ReadOnlySpan<byte> body)
    {
        byte[] message = new byte[8 + body.Length];
        new byte[] { 0x00, 0x53, 0x75, 0xB0 }.CopyTo(message, 0);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), body.Length);
        body.CopyTo(message.AsSpan(8));
        return message;
    }

    /// <summary>The wire form of a message.</summary>
    internal static byte[] Plain(ReadOnlySpan<byte> message)
    {
        byte[] entry = new byte[4 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(entry, message.Length);
        message.CopyTo(entry.AsSpan(4));
        return entry;
    }

    /// <summary>The wire form of a batch.</summary>
    internal static byte[] Batch(BatchCodec codec, params byte[][] messages)
    {
        byte[] plain = messages.SelectMany(m => Plain(m)).ToArray();
        return RawBatch((byte)codec, (ushort)messages.Length, (uint)plain.Length, Compress(codec, plain));
    }

    /// <summary>The wire form of a batch that may lie.</summary>
    internal static byte[] RawBatch(byte codec, ushort records, uint uncompressed, byte[] stored)
    {
        byte[] entry = new byte[11 + stored.Length];
        entry[0] = (byte)(0x80 | (codec << 4));
        BinaryPrimitives.WriteUInt16BigEndian(entry.AsSpan(1), records);
        BinaryPrimitives.WriteUInt32BigEndian(entry.AsSpan(3), uncompressed);
        BinaryPrimitives.WriteInt32BigEndian(entry.AsSpan(7), stored.Length);
        stored.CopyTo(entry, 11);
        return entry;
    }

    internal static byte[] Compress(BatchCodec codec, byte[] plain)
    {
        MemoryStream target = new();
        Stream? packer = codec switch
        {
            BatchCodec.Gzip => new GZipStream(target, CompressionLevel.Fastest, leaveOpen: true),
            BatchCodec.Snappy => new SnappyStream(target, CompressionMode.Compress, leaveOpen: true),
            BatchCodec.Lz4 => LZ4Stream.Encode(target, leaveOpen: true),
            BatchCodec.Zstd => new CompressionStream(target, leaveOpen: true),
            _ => null,
        };
        if (packer is null)
        {
            return plain;
        }

        packer.Write(plain);
        packer.Dispose();
        return target.ToArray();
    }
}
