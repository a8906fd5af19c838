using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Writes records of version 1: behind each record's u32 length (little-endian) one JSON object.
/// <code>
/// message       {"exchange", "routing_key", "redelivered", "backed_up_at", "properties": {...} or "properties_raw", "body"}
/// stream entry  {"offset", "epoch", "backed_up_at", "batch": {"type", "messages", "uncompressed_bytes"}, "entry"}
/// </code>
/// Bytes are in base64. Strings that are not UTF-8 are <c>{"b64": ...}</c>. A chunk becomes one record per entry.
/// </summary>
internal sealed class JsonRecordWriter : IDisposable
{
    private const int Base64Piece = PayloadWriter.MaxSpan / 4 * 3;

    private readonly PayloadWriter _output;
    private readonly ArrayBufferWriter<byte> _head = new(4096);
    private readonly Utf8JsonWriter _writer;

    /// <summary>Writes to a payload.</summary>
    internal JsonRecordWriter(PayloadWriter output)
    {
        _output = output;
        _writer = new Utf8JsonWriter(_head, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <summary>Writes a message, of which the exchange and the routing key have 255 bytes at most.</summary>
    internal void Write(in RecordContent record)
    {
        Begin();
        JsonPropertyList.WriteText(_writer, "exchange"u8, record.Exchange);
        JsonPropertyList.WriteText(_writer, "routing_key"u8, record.RoutingKey);
        _writer.WriteBoolean("redelivered"u8, record.Redelivered);
        _writer.WriteNumber("backed_up_at"u8, record.CapturedAt);
        if (JsonPropertyList.IsReproducible(record.Properties))
        {
            _writer.WritePropertyName("properties"u8);
            JsonPropertyList.Write(_writer, record.Properties);
        }
        else
        {
            _writer.WriteBase64String("properties_raw"u8, record.Properties);
        }

        End(",\"body\":\""u8, record.Body);
    }

    /// <summary>Writes the entries of a chunk, one record each.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>: they are malformed.</exception>
    /// <exception cref="ArgumentException">They are not as many as the chunk states.</exception>
    internal void Write(in StreamChunkContent chunk)
    {
        if (chunk.Entries.IsSingleSegment)
        {
            Write(in chunk, chunk.Entries.FirstSpan);
            return;
        }

        byte[] copy = ArrayPool<byte>.Shared.Rent(checked((int)chunk.Entries.Length));
        chunk.Entries.CopyTo(copy);
        Write(in chunk, copy.AsSpan(0, (int)chunk.Entries.Length));
        ArrayPool<byte>.Shared.Return(copy);
    }

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();

    private void Write(in StreamChunkContent chunk, ReadOnlySpan<byte> content)
    {
        StreamEntryReader entries = new(content, chunk.FirstOffset);
        int count = 0;
        int messages = 0;
        while (entries.TryRead(out StreamEntry entry))
        {
            count++;
            messages += entry.Messages;
            Begin();
            _writer.WriteNumber("offset"u8, entry.Offset);
            _writer.WriteNumber("epoch"u8, chunk.Epoch);
            _writer.WriteNumber("backed_up_at"u8, chunk.Timestamp);
            if (entry.IsBatch)
            {
                _writer.WriteStartObject("batch"u8);
                _writer.WriteNumber("type"u8, entry.BatchType);
                _writer.WriteNumber("messages"u8, entry.Messages);
                _writer.WriteNumber("uncompressed_bytes"u8, entry.UncompressedBytes);
                _writer.WriteEndObject();
            }

            End(",\"entry\":\""u8, entry.Data);
        }

        entries.ThrowIfMalformed();
        if (count != chunk.EntryCount || messages != chunk.MessageCount)
        {
            throw new ArgumentException(
                $"A chunk states {chunk.EntryCount} entries with {chunk.MessageCount} messages, and has {count} with {messages}.", nameof(chunk));
        }
    }

    private void Begin()
    {
        _head.ResetWrittenCount();
        _writer.Reset();
        _writer.WriteStartObject();
    }

    private void End(ReadOnlySpan<byte> member, in ReadOnlySequence<byte> bytes)
    {
        EndHead(member, bytes.Length);
        if (bytes.IsSingleSegment)
        {
            WriteBase64(bytes.FirstSpan);
        }
        else
        {
            WriteBase64(in bytes);
        }

        _output.Write("\"}"u8);
    }

    private void End(ReadOnlySpan<byte> member, ReadOnlySpan<byte> bytes)
    {
        EndHead(member, bytes.Length);
        WriteBase64(bytes);
        _output.Write("\"}"u8);
    }

    /// <summary>Writes the length and all but the large member, which goes from where it is to the _output.</summary>
    private void EndHead(ReadOnlySpan<byte> member, long bytes)
    {
        _writer.Flush();
        long length = _head.WrittenCount + member.Length + ((bytes + 2) / 3 * 4) + 2;
        BinaryPrimitives.WriteUInt32LittleEndian(_output.GetSpan(4), checked((uint)length));
        _output.Advance(4);
        _output.Write(_head.WrittenSpan);
        _output.Write(member);
    }

    private void WriteBase64(in ReadOnlySequence<byte> bytes)
    {
        // three bytes make four characters: what is over at the end of a part goes with the beginning of the next
        Span<byte> carry = stackalloc byte[3];
        int carried = 0;
        foreach (ReadOnlyMemory<byte> memory in bytes)
        {
            ReadOnlySpan<byte> part = memory.Span;
            if (carried > 0)
            {
                int missing = Math.Min(3 - carried, part.Length);
                part[..missing].CopyTo(carry[carried..]);
                carried += missing;
                part = part[missing..];
                if (carried < 3)
                {
                    continue;
                }

                WriteBase64(carry);
            }

            carried = part.Length % 3;
            WriteBase64(part[..^carried]);
            part[^carried..].CopyTo(carry);
        }

        WriteBase64(carry[..carried]);
    }

    private void WriteBase64(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            ReadOnlySpan<byte> piece = bytes[..Math.Min(Base64Piece, bytes.Length)];
            Span<byte> room = _output.GetSpan(Base64.GetMaxEncodedToUtf8Length(piece.Length));
            Base64.EncodeToUtf8(piece, room, out _, out int written);
            _output.Advance(written);
            bytes = bytes[piece.Length..];
        }
    }
}
