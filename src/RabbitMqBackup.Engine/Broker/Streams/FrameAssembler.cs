using System.Buffers.Binary;
using System.IO.Hashing;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Cuts a byte stream into frames, without IO. Bytes may come in pieces of any size. A Deliver frame is never buffered: its data is handed on as it comes, since chunks of
/// 60 MB occur; any other frame is collected and limited in size, so that memory is bounded whatever the peer claims.
/// <code>
/// Deliver v1 = frame(8, 1) subscription:u8 chunk
/// Deliver v2 = frame(8, 2) subscription:u8 committed-chunk-id:u64 chunk
/// chunk      = header[48] data [trailer]
/// </code>
/// Whether a trailer follows depends on the subscription, not on the header: the frame's size decides where it ends, and the trailer is skipped.
/// </summary>
/// <param name="handler">Takes what is found.</param>
internal sealed class FrameAssembler(IFrameHandler handler)
{
    /// <summary>Largest frame taken from a broker, Deliver apart: answers are small, and a request to a broker never asks for more.</summary>
    internal const int MaxFrameContent = 1024 * 1024;

    private const int InitialScratch = 4096;

    private readonly Crc32 _crc = new();
    private byte[] _scratch = new byte[InitialScratch];
    private int _scratchLength;
    private int _scratchNeeded = FrameHeader.Length;
    private State _state = State.FrameHeader;
    private FrameHeader _frame;
    private ChunkHeader _chunk;
    private uint _dataLeft;
    private uint _trailerLeft;

    private enum State
    {
        FrameHeader,
        Content,
        DeliverHeader,
        Data,
        Trailer,
    }

    /// <summary>True between two frames: an end of the connection here cuts nothing off.</summary>
    internal bool IsBetweenFrames => _state is State.FrameHeader && _scratchLength == 0;

    /// <summary>Takes the next bytes, all of them.</summary>
    /// <exception cref="RabbitBackupException">A frame is malformed; the connection is of no use any more.</exception>
    internal void Feed(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            switch (_state)
            {
                case State.Data:
                    FeedData(ref bytes);
                    break;
                case State.Trailer:
                    int skipped = (int)Math.Min(_trailerLeft, (uint)bytes.Length);
                    _trailerLeft -= (uint)skipped;
                    bytes = bytes[skipped..];
                    EndChunkIfComplete();
                    break;
                default:
                    FeedScratch(ref bytes);
                    break;
            }
        }
    }

    /// <summary>Collects until the part under way is complete; a part that lies whole in the input is not copied.</summary>
    private void FeedScratch(ref ReadOnlySpan<byte> bytes)
    {
        if (_scratchLength == 0 && bytes.Length >= _scratchNeeded)
        {
            ReadOnlySpan<byte> whole = bytes[.._scratchNeeded];
            bytes = bytes[_scratchNeeded..];
            Complete(whole);
            return;
        }

        if (_scratch.Length < _scratchNeeded)
        {
            Array.Resize(ref _scratch, _scratchNeeded);
        }

        int taken = Math.Min(_scratchNeeded - _scratchLength, bytes.Length);
        bytes[..taken].CopyTo(_scratch.AsSpan(_scratchLength));
        _scratchLength += taken;
        bytes = bytes[taken..];
        if (_scratchLength == _scratchNeeded)
        {
            _scratchLength = 0;
            Complete(_scratch.AsSpan(0, _scratchNeeded));
        }
    }

    private void Complete(ReadOnlySpan<byte> part)
    {
        switch (_state)
        {
            case State.FrameHeader:
                BeginFrame(part);
                break;
            case State.Content:
                Await(State.FrameHeader, FrameHeader.Length);
                handler.OnFrame(_frame, part);
                break;
            default:
                BeginChunk(part);
                break;
        }
    }

    private void BeginFrame(ReadOnlySpan<byte> part)
    {
        _frame = new FrameHeader(
            BinaryPrimitives.ReadUInt32BigEndian(part), BinaryPrimitives.ReadUInt16BigEndian(part[4..]), BinaryPrimitives.ReadUInt16BigEndian(part[6..]));
        if (_frame.Size < 4)
        {
            throw StreamErrors.Malformed($"a frame of {_frame.Size} bytes is shorter than its key and version");
        }

        if (_frame.Key == (ushort)StreamCommand.Deliver)
        {
            int prefix = _frame.Version switch
            {
                1 => 1 + ChunkHeader.Length,
                2 => 1 + 8 + ChunkHeader.Length,
                _ => throw StreamErrors.Malformed($"version {_frame.Version} of Deliver is unknown"),
            };
            if (_frame.ContentLength < prefix)
            {
                throw StreamErrors.Malformed($"a Deliver frame of {_frame.Size} bytes has no room for a chunk header");
            }

            Await(State.DeliverHeader, prefix);
            return;
        }

        if (_frame.ContentLength > MaxFrameContent)
        {
            throw StreamErrors.Malformed($"a frame with key 0x{_frame.Key:X4} claims {_frame.Size} bytes, more than the {MaxFrameContent} allowed");
        }

        if (_frame.ContentLength == 0)
        {
            handler.OnFrame(_frame, default);
            return;
        }

        Await(State.Content, (int)_frame.ContentLength);
    }

    private void BeginChunk(ReadOnlySpan<byte> part)
    {
        if (!ChunkHeader.TryRead(part[^ChunkHeader.Length..], out _chunk))
        {
            throw StreamErrors.Malformed("a Deliver frame holds no valid chunk header");
        }

        uint afterHeader = _frame.ContentLength - (uint)part.Length;
        if (_chunk.DataLength > afterHeader)
        {
            throw StreamErrors.Malformed($"the chunk at offset {_chunk.FirstOffset} claims {_chunk.DataLength} bytes of data, its frame has {afterHeader}");
        }

        _dataLeft = _chunk.DataLength;
        _trailerLeft = afterHeader - _chunk.DataLength;
        _crc.Reset();
        _state = _dataLeft > 0 ? State.Data : State.Trailer;
        handler.OnChunk(part[0], _chunk);
        if (_dataLeft == 0)
        {
            EndChunkIfComplete();
        }
    }

    private void FeedData(ref ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> piece = bytes[..(int)Math.Min(_dataLeft, (uint)bytes.Length)];
        bytes = bytes[piece.Length..];
        _dataLeft -= (uint)piece.Length;
        _crc.Append(piece);
        handler.OnChunkData(piece);
        if (_dataLeft == 0)
        {
            _state = State.Trailer;
            EndChunkIfComplete();
        }
    }

    private void EndChunkIfComplete()
    {
        if (_trailerLeft == 0)
        {
            Await(State.FrameHeader, FrameHeader.Length);
            handler.OnChunkEnd(_crc.GetCurrentHashAsUInt32() == _chunk.Crc);
        }
    }

    private void Await(State state, int bytes)
    {
        _state = state;
        _scratchNeeded = bytes;
    }
}
