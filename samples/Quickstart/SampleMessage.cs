using System.Collections;
using System.Text;
using RabbitMQ.Client;

namespace RabbitMqBackup.Quickstart;

/// <summary>A message, comparable: equal in body, properties and headers, whatever types a client gives them back in.</summary>
internal sealed record SampleMessage
{
    /// <summary>Its message id.</summary>
    internal required string Id { get; init; }

    /// <summary>Its priority.</summary>
    internal required byte Priority { get; init; }

    /// <summary>All of it, written out.</summary>
    internal required string Detail { get; init; }

    /// <summary>As it was published or taken from a queue.</summary>
    internal static SampleMessage From(IReadOnlyBasicProperties properties, ReadOnlySpan<byte> body)
    {
        StringBuilder detail = new();
        detail.Append($"{properties.MessageId} {properties.ContentType} {properties.ContentEncoding} mode={properties.DeliveryMode} priority={properties.Priority} ")
            .Append($"correlation={properties.CorrelationId} reply={properties.ReplyTo} expiration={properties.Expiration} time={properties.Timestamp.UnixTime} ")
            .Append($"type={properties.Type} user={properties.UserId} app={properties.AppId} headers=");
        Write(detail, properties.Headers);
        detail.Append($" body={Convert.ToHexString(body)}");
        return new() { Id = properties.MessageId ?? "", Priority = properties.Priority, Detail = detail.ToString() };
    }

    /// <inheritdoc/>
    public override string ToString() => $"'{Id}'";

    private static void Write(StringBuilder detail, object? value)
    {
        switch (value)
        {
            case null:
                detail.Append("null");
                break;
            case string text:
                detail.Append($"text:{text}");
                break;
            case byte[] bytes: // the client gives every text back as bytes
                detail.Append($"text:{Encoding.UTF8.GetString(bytes)}");
                break;
            case IDictionary<string, object?> table:
                detail.Append('{');
                foreach ((string name, object? item) in table.OrderBy(pair => pair.Key, StringComparer.Ordinal)) // a table has no order; brokers sort it
                {
                    detail.Append($"{name}=");
                    Write(detail, item);
                    detail.Append(' ');
                }

                detail.Append('}');
                break;
            case IList list:
                detail.Append('[');
                foreach (object? item in list)
                {
                    Write(detail, item);
                    detail.Append(' ');
                }

                detail.Append(']');
                break;
            case AmqpTimestamp time:
                detail.Append($"time:{time.UnixTime}");
                break;
            default:
                detail.Append($"{value.GetType().Name}:{value}");
                break;
        }
    }
}
