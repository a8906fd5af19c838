using System.Buffers.Binary;
using K4os.Compression.LZ4.Encoders;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Writes the payload as one raw LZ4 block behind its uncompressed size (u32 little-endian), without holding the payload.
/// <para>
/// A block is a row of sequences: token (literals &lt;&lt; 4 | match length - 4), more length bytes where a nibble is 15, literals, u16 offset.
/// Its last sequence has literals only. The encoder below makes dependent blocks of 254 KiB; they become one block when the literals at the end of
/// each are joined with those at the beginning of the next. Until then they are kept apart: what does not compress at all is one long row of
/// literals with its length in front.
/// </para>
/// </summary>
internal sealed class Lz4PayloadCompressor : PayloadCompressor
{
    /// <summary>Largest input that LZ4 takes for one block.</summary>
    internal const long MaxBytes = 0x7E000000;

    // a little less than a pooled block, so that one takes the result also where it does not compress
    private const int EncoderBytes = BlockPool.BlockBytes - 2048;

    private readonly BlockBuffer _output;
    private readonly BlockBuffer _literals;
    private readonly BlockPool _pool;
    private readonly LZ4FastChainEncoder _encoder = new(EncoderBytes);
    private readonly byte[] _block;
    private readonly int _sizePosition;
    private long _bytes;

    /// <summary>Begins a block.</summary>
    internal Lz4PayloadCompressor(BlockBuffer output, BlockPool pool)
    {
        _output = output;
        _pool = pool;
        _literals = new BlockBuffer(pool);
        _block = pool.Rent();
        _sizePosition = checked((int)output.Length);
        output.Write(stackalloc byte[4]);
    }

    /// <inheritdoc/>
    internal override void Write(ReadOnlySpan<byte> bytes)
    {
        _bytes += bytes.Length;
        if (_bytes > MaxBytes)
        {
            throw new InvalidOperationException($"A segment with LZ4 can't hold more than {MaxBytes} bytes.");
        }

        while (!bytes.IsEmpty)
        {
            _encoder.TopupAndEncode(bytes, _block, forceEncode: false, allowCopy: false, out int loaded, out int encoded);
            bytes = bytes[loaded..];
            Join(_block.AsSpan(0, encoded));
        }
    }

    /// <inheritdoc/>
    internal override void Complete()
    {
        _encoder.FlushAndEncode(_block.AsSpan(), allowCopy: false, out int encoded);
        Join(_block.AsSpan(0, encoded));
        WriteToken(_literals.Length, matchNibble: 0);
        _literals.MoveTo(_output);
        Span<byte> size = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(size, (uint)_bytes);
        _output.Overwrite(_sizePosition, size);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _encoder.Dispose();
        _literals.Dispose();
        _pool.Return(_block);
    }

    /// <summary>Adds a block of the encoder, if there is one, to the one that is written.</summary>
    private void Join(ReadOnlySpan<byte> block)
    {
        if (block.IsEmpty)
        {
            return;
        }

        int first = LiteralsOf(block, 0, out int firstLength);
        int last = LastSequence(block);
        if (last > 0)
        {
            WriteToken(_literals.Length + firstLength, block[0] & 15);
            _literals.MoveTo(_output);
            _output.Write(block[first..last]);
        }

        int tail = LiteralsOf(block, last, out int tailLength);
        _literals.Write(block.Slice(tail, tailLength));
    }

    /// <summary>Where the last sequence of a block begins.</summary>
    private static int LastSequence(ReadOnlySpan<byte> block)
    {
        int sequence = 0;
        while (true)
        {
            int position = LiteralsOf(block, sequence, out int literals) + literals;
            if (position == block.Length)
            {
                return sequence;
            }

            position += 2;
            if ((block[sequence] & 15) == 15)
            {
                while (block[position++] == 255)
                {
                }
            }

            sequence = position;
        }
    }

    /// <summary>Where the literals of a sequence begin, and how many they are.</summary>
    private static int LiteralsOf(ReadOnlySpan<byte> block, int sequence, out int count)
    {
        count = block[sequence] >> 4;
        int position = sequence + 1;
        if (count == 15)
        {
            byte more;
            do
            {
                more = block[position++];
                count += more;
            }
            while (more == 255);
        }

        return position;
    }

    private void WriteToken(long literals, int matchNibble)
    {
        Span<byte> one = [(byte)((int)Math.Min(literals, 15) << 4 | matchNibble)];
        _output.Write(one);
        if (literals < 15)
        {
            return;
        }

        one[0] = 255;
        for (literals -= 15; literals >= 255; literals -= 255)
        {
            _output.Write(one);
        }

        one[0] = (byte)literals;
        _output.Write(one);
    }
}
