using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// The small parts of a JSON record. What is not as it should be ends with a JsonException, InvalidOperationException or FormatException, which
/// <see cref="JsonRecordReader"/> translates.
/// </summary>
internal static class JsonValues
{
    /// <summary>Adds a string, which may be an object with base64, without a length.</summary>
    internal static void ReadText(ref Utf8JsonReader reader, ScratchBuffer scratch)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            ReadString(ref reader, scratch);
            return;
        }

        bool found = false;
        while (NextMember(ref reader))
        {
            bool bytes = reader.ValueTextEquals("b64"u8);
            reader.Read();
            if (bytes)
            {
                ReadBase64(ref reader, scratch);
                found = true;
            }
            else
            {
                reader.Skip();
            }
        }

        if (!found)
        {
            throw new JsonException("An object in place of a string has no member b64.");
        }
    }

    /// <summary>Adds what a base64 string decodes to.</summary>
    internal static void ReadBase64(ref Utf8JsonReader reader, ScratchBuffer scratch)
    {
        int start = scratch.Length;
        ReadString(ref reader, scratch);
        if (Base64.DecodeFromUtf8InPlace(scratch.Span(start, scratch.Length - start), out int decoded) != OperationStatus.Done)
        {
            throw new FormatException("A string is no base64.");
        }

        scratch.Shorten(start + decoded);
    }

    /// <summary>Goes to the next member's name; false at the end of the object.</summary>
    internal static bool NextMember(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.PropertyName;
    }

    /// <summary>Checks what the reader is at.</summary>
    internal static void Expect(ref Utf8JsonReader reader, JsonTokenType type)
    {
        if (reader.TokenType != type)
        {
            throw new JsonException($"There is a {reader.TokenType} where a {type} is expected.");
        }
    }

    /// <summary>Adds a string.</summary>
    internal static void ReadString(ref Utf8JsonReader reader, ScratchBuffer scratch)
    {
        Expect(ref reader, JsonTokenType.String);
        CopyString(ref reader, scratch);
    }

    /// <summary>Adds the string or the member's name that the reader is at.</summary>
    internal static void CopyString(ref Utf8JsonReader reader, ScratchBuffer scratch)
    {
        // unescaping makes a string shorter, never longer
        int start = scratch.Length;
        int length = reader.CopyString(scratch.Add(reader.ValueSpan.Length));
        scratch.Shorten(start + length);
    }

    /// <summary>The length octet of a short string.</summary>
    internal static byte ShortLength(int length) => length <= 255 ? (byte)length : throw new FormatException($"A short string has {length} bytes.");
}
