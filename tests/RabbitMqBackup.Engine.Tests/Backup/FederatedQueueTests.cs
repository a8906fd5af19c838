using System.Net.Http.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>
/// A federated queue fetches messages from its upstream as soon as a consumer waits at it and it is empty: a backup is no application, and must not make messages move from one cluster to another.
/// </summary>
public sealed class FederatedQueueTests
{
    private const int Upstream = 300;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task A_backup_of_a_federated_queue_moves_nothing_from_its_upstream(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await using TestVirtualHost upstream = await TestVirtualHost.CreateAsync(at.Host.Broker);
        await using IndependentClient there = await IndependentClient.ConnectAsync(upstream.Broker, upstream.Name);
        await there.DeclareAsync(Situation.Queue, type);
        await there.PublishAsync(Situation.Queue, Enumerable.Range(0, Upstream).Select(number => (new BasicProperties { MessageId = $"up{number}" }, new byte[10])));
        await at.Client.DeclareAsync(Situation.Queue, type);
        using HttpResponseMessage put = await at.Host.Broker.Management.PutAsJsonAsync(
            $"parameters/federation-upstream/{Uri.EscapeDataString(at.Host.Name)}/there", new { value = new { uri = at.Host.Broker.AmqpUri(upstream.Name) } }, Cancellation);
        put.EnsureSuccessStatusCode();
        await at.PutPolicyAsync("""{"federation-upstream":"there"}""");
        await at.FillAsync(50);
        await at.UntilListedAsync(queue => queue.Messages == 50);

        for (int run = 0; run < 3; run++)
        {
            QueueEntry entry = await at.BackupAsync();
            Assert.Equal((QueueOutcome.Captured, 50L), (entry.Outcome, entry.Messages));
        }

        Assert.Equal((uint)Upstream, await there.CountAsync(Situation.Queue));
        Assert.Equal(50u, await at.Client.CountAsync(Situation.Queue));

        // That the link works is seen by what an application's consumer makes of it.
        await using ApplicationConsumer application = await at.Client.WorkAsync(Situation.Queue);
        await there.UntilCountAsync(Situation.Queue, 0);
    }
}
