namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>Decodes whole messages. The stream protocol carries any bytes, so a message may be none of AMQP 1.0's.</summary>
internal static class Amqp10Decoder
{
    private static readonly string[] SectionNames =
    [
        "amqp:header:list", "amqp:delivery-annotations:map", "amqp:message-annotations:map", "amqp:properties:list", "amqp:application-properties:map",
        "amqp:data:binary", "amqp:amqp-sequence:list", "amqp:amqp-value:*", "amqp:footer:map",
    ];

    private static readonly string[] PropertyNames =
    [
        "message-id", "user-id", "to", "subject", "reply-to", "correlation-id", "content-type", "content-encoding",
        "absolute-expiry-time", "creation-time", "group-id", "group-sequence", "reply-to-group-id",
    ];

    /// <summary>Decodes a message.</summary>
    /// <param name="bytes">Its encoding.</param>
    /// <param name="message">The message; null where it is none.</param>
    /// <param name="problem">Why it is none.</param>
    internal static bool TryDecode(ReadOnlySpan<byte> bytes, out Amqp10Message? message, out string? problem)
    {
        try
        {
            message = Decode(bytes);
            problem = null;
            return true;
        }
        catch (InvalidDataException e)
        {
            message = null;
            problem = e.Message;
            return false;
        }
    }

    private static Amqp10Message Decode(ReadOnlySpan<byte> bytes)
    {
        Amqp10ValueReader reader = new(bytes);
        Amqp10Message message = new();
        MemoryStream body = new();
        List<object?> items = [];
        int lastSection = -1;
        while (!reader.AtEnd)
        {
            int start = reader.Position;
            int section = Section(reader.ReadDescriptor());
            bool repeated = section == lastSection && section is 5 or 6;
            if (section < lastSection || (section == lastSection && !repeated) || (section is 6 or 7 && message.BodyKind is not Amqp10BodyKind.None && !repeated))
            {
                throw new InvalidDataException($"The section {SectionNames[section]} is out of place.");
            }

            lastSection = section;
            if (section == 5)
            {
                body.Write(reader.ReadBinary());
                message = message with { BodyKind = Amqp10BodyKind.Data };
                continue;
            }

            object? value = reader.Read();
            message = WithSection(message, section, value, items);
            if (section is 6 or 7)
            {
                body.Write(bytes[start..reader.Position]);
            }
        }

        return lastSection < 0
            ? throw new InvalidDataException("It has no section.")
            : message with { Body = body.ToArray(), BodyValue = message.BodyKind is Amqp10BodyKind.Sequence ? items : message.BodyValue };
    }

    private static Amqp10Message WithSection(Amqp10Message message, int section, object? value, List<object?> items)
    {
        switch (section)
        {
            case 0:
                List<object?> header = List(value);
                return message with
                {
                    Durable = Field(header, 0) as bool?,
                    Priority = Field(header, 1) as byte?,
                    TimeToLive = Field(header, 2) is uint ms ? TimeSpan.FromMilliseconds(ms) : null,
                };
            case 1:
                return message with { DeliveryAnnotations = Map(value) };
            case 2:
                return message with { MessageAnnotations = Map(value) };
            case 3:
                return message with { Properties = Properties(List(value)) };
            case 4:
                return message with { ApplicationProperties = Map(value) };
            case 6:
                items.AddRange(List(value));
                return message with { BodyKind = Amqp10BodyKind.Sequence };
            case 7:
                return message with { BodyKind = Amqp10BodyKind.Value, BodyValue = value };
            default:
                return message with { Footer = Map(value) };
        }
    }

    private static int Section(object? descriptor)
    {
        int section = descriptor switch
        {
            ulong number when number is >= 0x70 and <= 0x78 => (int)(number - 0x70),
            string symbol => Array.IndexOf(SectionNames, symbol),
            _ => -1,
        };
        return section >= 0 ? section : throw new InvalidDataException($"'{descriptor}' is no section of a message.");
    }

    private static Dictionary<string, object> Properties(List<object?> list)
    {
        Dictionary<string, object> properties = new(StringComparer.Ordinal);
        for (int i = 0; i < Math.Min(list.Count, PropertyNames.Length); i++)
        {
            if (list[i] is { } value)
            {
                properties[PropertyNames[i]] = value;
            }
        }

        return properties;
    }

    private static object? Field(List<object?> list, int index) => index < list.Count ? list[index] : null;

    private static List<object?> List(object? value) => value as List<object?> ?? throw new InvalidDataException("A section that should be a list is none.");

    private static List<KeyValuePair<object?, object?>> Map(object? value) =>
        value as List<KeyValuePair<object?, object?>> ?? throw new InvalidDataException("A section that should be a map is none.");
}
