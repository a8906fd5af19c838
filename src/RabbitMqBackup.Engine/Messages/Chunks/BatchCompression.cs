using System.IO.Compression;
using Snappier;
using ZstdSharp;

namespace RabbitMqBackup.Engine.Messages.Chunks;

/// <summary>Unpacks a batch of messages. The broker never does, so that neither codec nor size in a batch have been checked by anyone before.</summary>
internal static class BatchCompression
{
    /// <summary>Largest batch unpacked; RabbitMQ 4.3 stores none that claims more.</summary>
    internal const int MaxUncompressed = 64 * 1024 * 1024;

    private static ReadOnlySpan<byte> SnappyStreamIdentifier => [0xFF, 0x06, 0x00, 0x00, (byte)'s', (byte)'N', (byte)'a', (byte)'P', (byte)'p', (byte)'Y'];

    /// <summary>The size to unpack to.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>: beyond <see cref="MaxUncompressed"/>.</exception>
    internal static int CheckLength(in ChunkEntry batch) => batch.UncompressedLength <= MaxUncompressed
        ? (int)batch.UncompressedLength
        : throw ChunkEntryReader.Corrupt($"the batch at offset {batch.FirstOffset} claims {batch.UncompressedLength} bytes, more than the {MaxUncompressed} allowed");

    /// <summary>Unpacks.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="target">Exactly as long as the batch claims to be.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>: the codec is unknown, the bytes are damaged, or of another size than claimed.</exception>
    internal static void Decompress(in ChunkEntry batch, Span<byte> target)
    {
        int written;
        try
        {
            ReadOnlySpan<byte> source = batch.Payload;
            switch (batch.Codec)
            {
                case BatchCodec.None:
                    written = source.Length;
                    if (written == target.Length)
                    {
                        source.CopyTo(target);
                    }

                    break;
                case BatchCodec.Gzip:
                    written = ReadAll(source, target, s => new GZipStream(s, CompressionMode.Decompress));
                    break;
                case BatchCodec.Snappy when source.StartsWith(SnappyStreamIdentifier):
                    written = ReadAll(source, target, s => new SnappyStream(s, CompressionMode.Decompress));
                    break;
                case BatchCodec.Snappy:
                    written = Snappy.GetUncompressedLength(source) == target.Length ? Snappy.Decompress(source, target) : -1;
                    break;
                case BatchCodec.Lz4:
                    written = Lz4Frame.Decompress(source, target);
                    break;
                case BatchCodec.Zstd:
                    using (Decompressor zstd = new())
                    {
                        written = zstd.Unwrap(source, target);
                    }

                    break;
                default:
                    throw ChunkEntryReader.Corrupt($"the batch at offset {batch.FirstOffset} has the unknown codec {(byte)batch.Codec}");
            }
        }
        catch (Exception e) when (e is InvalidDataException or ZstdException or ArgumentException or IOException)
        {
            throw ChunkEntryReader.Corrupt($"the {batch.Codec} batch at offset {batch.FirstOffset} can't be unpacked", e);
        }

        if (written != target.Length)
        {
            throw ChunkEntryReader.Corrupt($"the {batch.Codec} batch at offset {batch.FirstOffset} is not of the {target.Length} bytes it claims");
        }
    }

    /// <summary>Fills the target; one byte more than fits is reported as another size.</summary>
    private static unsafe int ReadAll(ReadOnlySpan<byte> source, Span<byte> target, Func<Stream, Stream> open)
    {
        fixed (byte* bytes = source)
        {
            using UnmanagedMemoryStream compressed = new(bytes, source.Length);
            using Stream plain = open(compressed);
            int read = plain.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
            return plain.ReadByte() < 0 ? read : read + 1;
        }
    }
}
