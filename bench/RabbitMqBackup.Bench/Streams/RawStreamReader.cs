using System.Buffers.Binary;
using System.IO.Hashing;
using System.Net.Sockets;

namespace RabbitMqBackup.Bench.Streams;

/// <summary>Reads a stream into one fixed buffer, checks each chunk's CRC, walks over its entries, and drops them: the limit of any reader that keeps what it reads.</summary>
internal sealed class RawStreamReader(RawStream connection)
{
    private const int ChunkHeader = 48;
    private const int Credit = 50;

    private readonly byte[] _buffer = new byte[1 << 20];
    private readonly byte[] _carried = new byte[11];
    private readonly Crc32 _crc = new();
    private int _start;
    private int _end;

    /// <summary>Reads up to the last chunk that is committed now.</summary>
    /// <returns>Messages.</returns>
    internal long Run(string stream)
    {
        ulong last = connection.LastChunk(stream);
        connection.Ask(7, body => body.Raw([1]).String(stream).UInt16(1).UInt16(Credit));
        long messages = 0;
        for (int chunks = 1; ; chunks++)
        {
            (ulong offset, uint records) = Chunk();
            messages += records;
            if (offset >= last)
            {
                return messages;
            }

            if (chunks % (Credit / 2) == 0)
            {
                connection.Send(9, body => body.Raw([1]).UInt16(Credit / 2));
            }
        }
    }

    private (ulong Offset, uint Records) Chunk()
    {
        while (true)
        {
            ReadOnlySpan<byte> frame = Need(8);
            int size = BinaryPrimitives.ReadInt32BigEndian(frame);
            bool deliver = BinaryPrimitives.ReadUInt16BigEndian(frame[4..]) == 8;
            _start += 8;
            if (!deliver)
            {
                Skip(size - 4);
                continue;
            }

            ReadOnlySpan<byte> header = Need(1 + ChunkHeader)[1..];
            uint records = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
            ulong offset = BinaryPrimitives.ReadUInt64BigEndian(header[24..]);
            uint crc = BinaryPrimitives.ReadUInt32BigEndian(header[32..]);
            int data = BinaryPrimitives.ReadInt32BigEndian(header[36..]);
            _start += 1 + ChunkHeader;
            Data(data, crc);
            Skip(size - 4 - 1 - ChunkHeader - data);
            return (offset, records);
        }
    }

    private void Data(int length, uint crc)
    {
        _crc.Reset();
        int entry = 0;
        while (length > 0)
        {
            if (_start == _end)
            {
                Fill(1);
            }

            int count = Math.Min(length, _end - _start);
            ReadOnlySpan<byte> piece = _buffer.AsSpan(_start, count);
            _crc.Append(piece);

            // Where an entry's header is cut by the piece's end, it is read with the next piece.
            while (entry + 11 <= count)
            {
                uint head = BinaryPrimitives.ReadUInt32BigEndian(piece[entry..]);
                entry += (head & 0x80000000) == 0 ? 4 + (int)head : 11 + BinaryPrimitives.ReadInt32BigEndian(piece[(entry + 7)..]);
            }

            int rest = entry < count ? count - entry : 0;
            if (rest > 0 && rest < length)
            {
                // The CRC has these bytes already: walk on by hand.
                Span<byte> carried = _carried;
                piece[entry..].CopyTo(carried);
                _start += count;
                length -= count;
                ReadOnlySpan<byte> more = Need(Math.Min(11 - rest, length));
                more[..Math.Min(11 - rest, more.Length)].CopyTo(carried[rest..]);
                uint head = BinaryPrimitives.ReadUInt32BigEndian(carried);
                entry = ((head & 0x80000000) == 0 ? 4 + (int)head : 11 + BinaryPrimitives.ReadInt32BigEndian(carried[7..])) - rest;
                continue;
            }

            entry -= count;
            entry = Math.Max(entry, 0);
            _start += count;
            length -= count;
        }

        if (_crc.GetCurrentHashAsUInt32() != crc)
        {
            throw new BenchException("A chunk does not match its CRC.");
        }
    }

    private ReadOnlySpan<byte> Need(int count)
    {
        if (_end - _start < count)
        {
            Fill(count);
        }

        return _buffer.AsSpan(_start, _end - _start);
    }

    private void Fill(int count)
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        while (_end < count)
        {
            int read = connection.Socket.Receive(_buffer.AsSpan(_end), SocketFlags.None);
            _end += read > 0 ? read : throw new BenchException("The broker hung up.");
        }
    }

    private void Skip(int count)
    {
        while (count > 0)
        {
            if (_start == _end)
            {
                Fill(1);
            }

            int skipped = Math.Min(count, _end - _start);
            _start += skipped;
            count -= skipped;
        }
    }
}
