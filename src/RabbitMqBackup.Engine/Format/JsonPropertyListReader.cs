using System.Buffers.Binary;
using System.Text.Json;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Makes property lists from the JSON that <see cref="JsonPropertyList"/> describes; members may come in any order, unknown ones are left out.
/// Errors as in <see cref="JsonValues"/>.
/// </summary>
internal static class JsonPropertyListReader
{
    /// <summary>JSON levels that a record can need: two per level of tables and arrays, and those around them.</summary>
    internal const int MaxJsonDepth = (2 * PropertyList.MaxDepth) + 8;

    /// <summary>Adds a property list.</summary>
    /// <param name="reader">At the beginning of the object; at its end afterwards.</param>
    /// <param name="scratch">Takes the list at its end.</param>
    /// <returns>Where the list begins in <paramref name="scratch"/>.</returns>
    internal static int Read(ref Utf8JsonReader reader, ScratchBuffer scratch)
    {
        Span<(int Start, int Length)> found = stackalloc (int, int)[16];
        found.Clear();
        JsonValues.Expect(ref reader, JsonTokenType.StartObject);
        while (JsonValues.NextMember(ref reader))
        {
            BasicProperty? property = Find(ref reader);
            reader.Read();
            if (property is null)
            {
                reader.Skip();
                continue;
            }

            int start = scratch.Length;
            ReadProperty(ref reader, property.Value, scratch);
            found[(int)property.Value] = (start, scratch.Length - start);
        }

        int list = scratch.Length;
        scratch.Add(2);
        int flags = 0;
        for (int bit = (int)BasicProperty.ContentType; bit >= (int)BasicProperty.ClusterId; bit--)
        {
            (int start, int length) = found[bit];
            if (length > 0)
            {
                flags |= 1 << bit;
                Span<byte> room = scratch.Add(length);
                scratch.Span(start, length).CopyTo(room);
            }
        }

        BinaryPrimitives.WriteUInt16BigEndian(scratch.Span(list, 2), (ushort)flags);
        return list;
    }

    private static BasicProperty? Find(ref Utf8JsonReader reader)
    {
        for (int bit = (int)BasicProperty.ContentType; bit >= (int)BasicProperty.ClusterId; bit--)
        {
            if (reader.ValueTextEquals(JsonPropertyList.Name((BasicProperty)bit)))
            {
                return (BasicProperty)bit;
            }
        }

        return null;
    }

    private static void ReadProperty(ref Utf8JsonReader reader, BasicProperty property, ScratchBuffer scratch)
    {
        switch (property)
        {
            case BasicProperty.Headers:
                JsonFieldTableReader.ReadTable(ref reader, scratch);
                break;
            case BasicProperty.DeliveryMode or BasicProperty.Priority:
                scratch.AddByte(reader.GetByte());
                break;
            case BasicProperty.Timestamp:
                BinaryPrimitives.WriteUInt64BigEndian(scratch.Add(8), reader.GetUInt64());
                break;
            default:
                int start = scratch.Length;
                scratch.AddByte(0);
                JsonValues.ReadText(ref reader, scratch);
                scratch.Span(start, 1)[0] = JsonValues.ShortLength(scratch.Length - start - 1);
                break;
        }
    }
}
