using System.Text.Json;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Super streams: a direct exchange with the argument <c>x-super-stream</c>, to which each partition is bound with its place.</summary>
internal sealed partial class ManagementClient
{
    private const string OrderArgument = "x-stream-partition-order";

    /// <summary>The super stream that a stream is a partition of, with its key and place; null where it is none.</summary>
    internal async Task<SuperStreamBinding?> GetSuperStreamAsync(QueueName stream, CancellationToken cancellationToken)
    {
        string path = $"/api/queues/{Segment(stream.VirtualHost)}/{Segment(stream.Name)}/bindings";
        using JsonDocument? json = await GetAsync(path, MaxListBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false);
        foreach (JsonElement binding in json?.RootElement.Items() ?? [])
        {
            if (binding.Text("source") is { Length: > 0 } exchange && binding.Member("arguments").Integer(OrderArgument) is { } order)
            {
                return new SuperStreamBinding(exchange, binding.Text("routing_key") ?? "", order);
            }
        }

        return null;
    }

    /// <summary>Makes a stream a partition: the exchange where it is missing, and the binding.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/>: there is an exchange of that name that is no super stream.</exception>
    internal async Task BindSuperStreamAsync(QueueName stream, SuperStreamBinding super, CancellationToken cancellationToken)
    {
        byte[] exchange = """{"type":"direct","durable":true,"auto_delete":false,"internal":false,"arguments":{"x-super-stream":true}}"""u8.ToArray();
        await PutAsync($"/api/exchanges/{Segment(stream.VirtualHost)}/{Segment(super.Exchange)}", exchange, UserTag.Queues, cancellationToken).ConfigureAwait(false);
        byte[] binding = JsonSerializer.SerializeToUtf8Bytes(
            new Dictionary<string, object?> { ["routing_key"] = super.RoutingKey, ["arguments"] = new Dictionary<string, object?> { [OrderArgument] = super.Order } });
        string path = $"/api/bindings/{Segment(stream.VirtualHost)}/e/{Segment(super.Exchange)}/q/{Segment(stream.Name)}";
        await _transport.SendAsync(HttpMethod.Post, path, binding, MaxPageBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false);
    }
}
