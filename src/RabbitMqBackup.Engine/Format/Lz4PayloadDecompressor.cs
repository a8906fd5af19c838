using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Reads a payload that is one raw LZ4 block behind its uncompressed size (u32 little-endian), without holding the payload: a match reaches
/// back 64 KiB at most.
/// The sequences of a block stand above <see cref="Lz4PayloadCompressor"/>.
/// </summary>
internal sealed class Lz4PayloadDecompressor : PayloadDecompressor
{
    private const int Window = 64 * 1024;
    private const int MinMatch = 4;

    // a length of 15 in the token and 255 in the byte behind it: more bytes follow
    private const int LongLength = 15 + 255;

    // the most that a sequence takes and gives which has no more than one byte for each length
    private const int ShortInput = 1 + 1 + LongLength + 2 + 1;
    private const int ShortOutput = LongLength + LongLength + MinMatch;

    private readonly PayloadInput _input;
    private readonly SegmentFault _fault;
    private readonly byte[] _output = new byte[Window + (256 * 1024)];
    private int _served;
    private int _filled;
    private long _remaining;
    private long _literals;
    private long _match;
    private int _matchNibble;
    private int _offset;
    private Stage _stage = Stage.Token;

    /// <summary>Reads the size.</summary>
    internal Lz4PayloadDecompressor(PayloadInput input, long maxBytes, SegmentFault fault)
    {
        _input = input;
        _fault = fault;
        Span<byte> size = [ReadByte(), ReadByte(), ReadByte(), ReadByte()];
        _remaining = BinaryPrimitives.ReadUInt32LittleEndian(size);
        if (_remaining > maxBytes)
        {
            throw fault.Corrupt(SegmentHeader.Length, $"the LZ4 block states an uncompressed size of {_remaining}, more than the {maxBytes} that are allowed");
        }
    }

    private enum Stage
    {
        Token,
        Literals,
        Offset,
        Match,
        End,
    }

    /// <inheritdoc/>
    internal override int Read(Span<byte> destination)
    {
        if (_served == _filled && _stage != Stage.End)
        {
            Fill();
        }

        int count = Math.Min(_filled - _served, destination.Length);
        _output.AsSpan(_served, count).CopyTo(destination);
        _served += count;
        return count;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
    }

    private void Fill()
    {
        if (_filled > Window)
        {
            _output.AsSpan(_filled - Window, Window).CopyTo(_output);
            _filled = _served = Window;
        }

        while (_filled < _output.Length && _stage != Stage.End)
        {
            switch (_stage)
            {
                case Stage.Token:
                    DecodeShortSequences();
                    ReadToken();
                    break;
                case Stage.Literals:
                    CopyLiterals();
                    break;
                case Stage.Offset:
                    ReadOffset();
                    break;
                default:
                    CopyMatch();
                    break;
            }
        }
    }

    /// <summary>
    /// Decodes sequences as long as they are short and lie well within input and output: nearly all are and do, so that the steps below run only for the
    /// others. What it does not take it leaves as it is.
    /// </summary>
    private void DecodeShortSequences()
    {
        ReadOnlySpan<byte> input = _input.Peek();
        Span<byte> output = _output;
        int from = 0;
        int to = _filled;
        while (input.Length - from >= ShortInput && output.Length - to >= ShortOutput)
        {
            int token = input[from];
            int literals = token >> 4;
            int position = from + 1;
            if (literals == 15)
            {
                literals += input[position++];
            }

            int afterLiterals = position + literals;
            int offset = input[afterLiterals] | input[afterLiterals + 1] << 8;
            int match = token & 15;
            int next = afterLiterals + 2;
            if (match == 15)
            {
                match += input[next++];
            }

            match += MinMatch;
            int matchStart = to + literals - offset;
            if (literals == LongLength || match == LongLength + MinMatch || offset == 0 || matchStart < 0 || literals + match > _remaining)
            {
                break;
            }

            input.Slice(position, literals).CopyTo(output[to..]);
            to += literals;
            if (offset >= match)
            {
                output.Slice(matchStart, match).CopyTo(output[to..]);
            }
            else
            {
                for (int i = 0; i < match; i++)
                {
                    output[to + i] = output[matchStart + i];
                }
            }

            to += match;
            _remaining -= literals + match;
            from = next;
        }

        _input.Advance(from);
        _filled = to;
    }

    private void ReadToken()
    {
        byte token = ReadByte();
        _literals = ReadLength(token >> 4);
        _matchNibble = token & 15;
        Claim(_literals);
        _stage = Stage.Literals;
    }

    private void CopyLiterals()
    {
        while (_literals > 0 && _filled < _output.Length)
        {
            ReadOnlySpan<byte> part = _input.Peek();
            if (part.IsEmpty)
            {
                throw CutOff();
            }

            int count = (int)Math.Min(Math.Min(part.Length, _output.Length - _filled), _literals);
            part[..count].CopyTo(_output.AsSpan(_filled));
            _input.Advance(count);
            _filled += count;
            _literals -= count;
        }

        if (_literals == 0)
        {
            _stage = _input.Remaining == 0 ? Stage.End : Stage.Offset;
            if (_stage == Stage.End && _remaining != 0)
            {
                throw _fault.Corrupt(_input.Position, $"the LZ4 block ends {_remaining} bytes before the size that it states");
            }
        }
    }

    private void ReadOffset()
    {
        _offset = ReadByte() | ReadByte() << 8;
        if (_offset == 0 || _offset > _filled)
        {
            throw _fault.Corrupt(_input.Position - 2, "a match of the LZ4 block reaches before its beginning");
        }

        _match = ReadLength(_matchNibble) + MinMatch;
        Claim(_match);
        _stage = Stage.Match;
    }

    private void CopyMatch()
    {
        int count = (int)Math.Min(_match, _output.Length - _filled);
        Span<byte> destination = _output.AsSpan(_filled, count);
        _filled += count;
        _match -= count;
        while (!destination.IsEmpty)
        {
            // where source and destination overlap, what is copied repeats: each round doubles the distance that can be copied at once
            int part = Math.Min(_offset, destination.Length);
            _output.AsSpan(_filled - destination.Length - _offset, part).CopyTo(destination);
            destination = destination[part..];
        }

        if (_match == 0)
        {
            _stage = Stage.Token;
        }
    }

    private long ReadLength(int nibble)
    {
        long length = nibble;
        if (nibble == 15)
        {
            byte more;
            do
            {
                more = ReadByte();
                length += more;
            }
            while (more == 255);
        }

        return length;
    }

    private void Claim(long count)
    {
        _remaining -= count;
        if (_remaining < 0)
        {
            throw _fault.Corrupt(_input.Position, "the LZ4 block goes on beyond the size that it states");
        }
    }

    private byte ReadByte()
    {
        ReadOnlySpan<byte> part = _input.Peek();
        if (part.IsEmpty)
        {
            throw CutOff();
        }

        byte value = part[0];
        _input.Advance(1);
        return value;
    }

    private RabbitBackupException CutOff() => _fault.Corrupt(_input.Position, "the LZ4 block is cut off");
}
