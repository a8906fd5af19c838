using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// Exchanges of the plugin <c>rabbitmq_delayed_message_exchange</c>, which keeps messages on its node until their time comes: they are in no queue, so that no client can read them. Its field <c>messages_delayed</c>
/// (the plugin's sources) counts those of the node that is asked.
/// </summary>
internal static class DelayedExchanges
{
    /// <summary>For people, what such exchanges hold in the virtual hosts of these queues.</summary>
    internal static IEnumerable<string> Notes(IEnumerable<ExchangeInfo> exchanges, IEnumerable<QueueInfo> queues)
    {
        HashSet<string> virtualHosts = [.. queues.Select(queue => queue.VirtualHost)];
        return exchanges
            .Where(exchange => exchange.Type == "x-delayed-message" && exchange.Delayed > 0 && virtualHosts.Contains(exchange.VirtualHost))
            .Select(exchange => $"Exchange {exchange.VirtualHost}/{exchange.Name} delays about {exchange.Delayed} message(s), which are in no queue yet, and so not in this backup.");
    }

    /// <summary>Warns of them. A broker that does not answer now is told of by the queues.</summary>
    internal static async Task TellAsync(CaptureContext context, CancellationToken cancellationToken)
    {
        try
        {
            foreach (string note in Notes(await context.Management.ListExchangesAsync(cancellationToken).ConfigureAwait(false), context.Plan.Queues))
            {
                context.Log.NotCaptured(note);
            }
        }
        catch (RabbitBackupException exception)
        {
            context.Log.NotCaptured($"Whether exchanges delay messages, which no backup captures, is not known: {exception.Message}");
        }
    }
}
