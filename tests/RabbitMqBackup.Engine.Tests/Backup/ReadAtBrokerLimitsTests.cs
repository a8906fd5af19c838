using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>A broker that allows a connection two channels, and a channel two consumers: no interface tells the latter, and one too many ends the connection. docs/SAFETY.md names these tests.</summary>
public sealed class ReadAtBrokerLimitsTests
{
    private const int Count = 20_000;

    /// <summary>No statistics: where sizes are not known more than two consumers are needed.</summary>
    private const string Configuration = """
        channel_max = 2
        consumer_max_per_channel = 2
        collect_statistics_interval = 600000
        """;

    public static TheoryData<string> Generations => LongRun.IsOn ? new("4.0", "4.3") : new("4.0");

    [Fact]
    public async Task Queues_wait_for_each_other_where_a_virtual_host_may_have_few_connections()
    {
        await using Situation at = await Situation.CreateAsync("4.0");
        string[] queues = ["a", "b", "c", "d"];
        foreach (string queue in queues)
        {
            await at.Client.DeclareAsync(queue, "quorum");
            await at.FillAsync(20, queue);
        }

        // One is the application's.
        using StringContent limit = new("""{"value":2}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        using HttpResponseMessage put = await at.Host.Broker.Management.PutAsync($"vhost-limits/{Uri.EscapeDataString(at.Host.Name)}/max-connections", limit, TestContext.Current.CancellationToken);
        put.EnsureSuccessStatusCode();
        BackupManifest manifest = await at.Harness.BackupAsync();

        Assert.Empty(at.Harness.Failures);
        Assert.All(manifest.Queues, queue => Assert.Equal((QueueOutcome.Captured, 20), (queue.Outcome, (int)queue.Messages)));
        foreach (string queue in queues)
        {
            await at.AssertIdsAsync(20, queue);
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_read_that_needs_more_consumers_than_a_channel_may_have_is_made_once_more_with_as_many_as_it_may(string generation)
    {
        await using OwnTestBroker broker = await Brokers.OwnAsync(generation, Configuration);
        await using TestVirtualHost host = await TestVirtualHost.CreateAsync(broker);
        using EngineHarness harness = EngineHarness.For(host);
        await using IndependentClient client = await IndependentClient.ConnectAsync(broker, host.Name);
        foreach (string type in (string[])["classic", "quorum"])
        {
            await client.DeclareAsync(type, type);
            await client.PublishAsync(type, Enumerable.Range(0, Count).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[10])));
        }

        BackupManifest manifest = await harness.BackupAsync();

        Assert.Empty(harness.Failures);
        Assert.All(manifest.Queues, queue => Assert.Equal((QueueOutcome.Captured, Count, 0), (queue.Outcome, (int)queue.Messages, queue.Gaps.Count)));
        foreach (string type in (string[])["classic", "quorum"])
        {
            await client.UntilCountAsync(type, Count);
            Assert.Equal(Enumerable.Range(0, Count).Select(number => $"{number}"), await client.TakeIdsAsync(type));
        }
    }
}
