using System.Globalization;
using System.Text;

namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>
/// Makes messages of AMQP 0-9-1 out of what lies in a stream, for queues that are no streams, as RabbitMQ itself does for a consumer of AMQP 0-9-1.
/// A message that was published through AMQP 0-9-1 comes out as it went in, as far as the broker has kept it: 3.10 notes what AMQP 1.0 has no place for in annotations
/// and application properties <c>x-basic-*</c>, 4.x in annotations and in the header.
/// </summary>
internal static class Amqp091Conversion
{
    /// <summary>The type that RabbitMQ gives to a body that is no data section: its encoded sections.</summary>
    private const string EncodedBodyType = "amqp-1.0";

    private const string QueueAddress = "/queues/";

    /// <summary>Converts a message.</summary>
    /// <param name="message">The message as it lies in the stream. Bytes that are no message of AMQP 1.0 become the body as they are, and this is listed as lost.</param>
    internal static Amqp091Message Convert(ReadOnlySpan<byte> message)
    {
        if (!Amqp10Decoder.TryDecode(message, out Amqp10Message? decoded, out string? problem))
        {
            return new Amqp091Message("", "", [0, 0], message.ToArray(), [$"sections ({problem})"]);
        }

        Conversion conversion = new(decoded!);
        return conversion.Run();
    }

    private sealed class Conversion(Amqp10Message source)
    {
        private readonly List<string> _lost = [];
        private readonly List<KeyValuePair<string, object?>> _headers = [];
        private readonly Amqp091PropertyWriter _target = new();
        private string? _type;
        private string? _appId;

        internal Amqp091Message Run()
        {
            _appId = Text("group-id");
            _type = source.BodyKind is Amqp10BodyKind.Sequence or Amqp10BodyKind.Value ? EncodedBodyType : null;
            Header();
            Properties();
            Annotations();
            ApplicationProperties();
            _target.Type = Shorten("type", _type);
            _target.AppId = Shorten("app-id", _appId);
            _target.Headers = _headers.Count > 0 ? _headers : null;
            LoseIf(source.DeliveryAnnotations.Count > 0, "delivery-annotations");
            LoseIf(source.Footer.Count > 0, "footer");
            return new Amqp091Message(
                source.Annotation("x-exchange") as string ?? "", source.Annotation("x-routing-key") as string ?? "", _target.ToArray(), source.Body, _lost);
        }

        /// <summary>Without a word about durability a message counts as persistent: it comes out of a stream, where every message is.</summary>
        private void Header()
        {
            _target.DeliveryMode = source.Annotation("x-basic-delivery-mode") as byte? ?? (source.Durable is false ? (byte)1 : (byte)2);
            _target.Priority = source.Annotation("x-basic-priority") as byte? ?? source.Priority;
            _target.Expiration = source.Annotation("x-basic-expiration") as string
                ?? source.TimeToLive?.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);
        }

        private void Properties()
        {
            _target.MessageId = Id("message-id");
            _target.CorrelationId = Id("correlation-id");
            _target.ContentType = Shorten("content-type", Text("content-type"));
            _target.ContentEncoding = Shorten("content-encoding", Text("content-encoding"));
            _target.ReplyTo = Shorten("reply-to", ReplyTo());
            _target.UserId = source.Properties.TryGetValue("user-id", out object? user) && user is byte[] octets ? Shorten("user-id", Encoding.UTF8.GetString(octets)) : null;
            if (source.Properties.TryGetValue("creation-time", out object? created))
            {
                bool carried = created is DateTimeOffset { Year: >= 1970 };
                _target.Timestamp = carried ? (ulong)((DateTimeOffset)created).ToUnixTimeSeconds() : null;
                LoseIf(!carried, "properties.creation-time");
                LoseIf(carried && ((DateTimeOffset)created).Millisecond != 0, "properties.creation-time (milliseconds)");
            }

            foreach (string name in (ReadOnlySpan<string>)["to", "subject", "absolute-expiry-time", "group-sequence", "reply-to-group-id"])
            {
                LoseIf(source.Properties.ContainsKey(name), "properties." + name);
            }
        }

        /// <summary>Annotations that begin with <c>x-</c> become headers, as RabbitMQ has it.</summary>
        private void Annotations()
        {
            foreach ((object? key, object? value) in source.MessageAnnotations)
            {
                switch (key)
                {
                    case "x-exchange" or "x-routing-key" or "x-basic-delivery-mode" or "x-basic-priority" or "x-basic-expiration":
                        break;
                    case "x-basic-type":
                        _type = value as string;
                        break;
                    case string name when name.StartsWith("x-", StringComparison.Ordinal):
                        AddHeader("message-annotations." + name, name, value);
                        break;
                    default:
                        _lost.Add($"message-annotations.{key}");
                        break;
                }
            }
        }

        private void ApplicationProperties()
        {
            foreach ((object? key, object? value) in source.ApplicationProperties)
            {
                switch (key)
                {
                    case "x-basic-type":
                        _type = value as string;
                        break;
                    case "x-basic-app-id":
                        _appId = value as string;
                        break;
                    default:
                        AddHeader($"application-properties.{key}", key as string, value);
                        break;
                }
            }
        }

        private void AddHeader(string origin, string? name, object? value)
        {
            if (name is null || !Amqp091PropertyWriter.IsShort(name) || !Amqp091PropertyWriter.CanWrite(value))
            {
                _lost.Add(origin);
                return;
            }

            _headers.Add(new(name, value));
            LoseIf(value is DateTimeOffset { Millisecond: not 0 }, origin + " (milliseconds)");
        }

        /// <summary>An id that is no text becomes one.</summary>
        private string? Id(string name)
        {
            (string? text, string? type) = source.Properties.GetValueOrDefault(name) switch
            {
                string id => (id, null),
                ulong id => (id.ToString(CultureInfo.InvariantCulture), "ulong"),
                Guid id => ($"urn:uuid:{id:D}", "uuid"),
                byte[] id => (System.Convert.ToBase64String(id), "binary"),
                _ => (null, (string?)null),
            };
            LoseIf(type is not null, $"properties.{name} (its type, {type})");
            return Shorten(name, text);
        }

        /// <summary>RabbitMQ 4.3 stores the reply queue as an address of AMQP 1.0.</summary>
        private string? ReplyTo() => Text("reply-to") is { } address && address.StartsWith(QueueAddress, StringComparison.Ordinal)
            ? Uri.UnescapeDataString(address[QueueAddress.Length..])
            : Text("reply-to");

        private string? Text(string name) => source.Properties.GetValueOrDefault(name) as string;

        private string? Shorten(string name, string? text)
        {
            LoseIf(text is not null && !Amqp091PropertyWriter.IsShort(text), $"properties.{name} (longer than 255 bytes)");
            return text is not null && Amqp091PropertyWriter.IsShort(text) ? text : null;
        }

        private void LoseIf(bool condition, string what)
        {
            if (condition)
            {
                _lost.Add(what);
            }
        }
    }
}
