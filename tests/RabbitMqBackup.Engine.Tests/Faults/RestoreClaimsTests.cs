using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>What is being restored into is not backed up as if it were whole, nor filled by two restores at once, from the first message on and by whatever process.</summary>
public sealed class RestoreClaimsTests
{
    private const int Messages = 8_000;

    private static readonly RetryOptions Impatient = new() { MaxAttempts = 3, FirstDelay = TimeSpan.FromMilliseconds(200), MaxDelay = TimeSpan.FromSeconds(1), MaxTime = TimeSpan.FromSeconds(2) };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Each takes half a minute of waiting: in CI each version and each type once.</summary>
    public static TheoryData<string, string> Targets => LongRun.IsOn
        ? new() { { "3.10", "classic" }, { "3.10", "stream" }, { "4.0", "quorum" }, { "4.3", "classic" }, { "4.3", "quorum" }, { "4.3", "stream" } }
        : new() { { "3.10", "classic" }, { "4.0", "quorum" }, { "4.3", "stream" } };

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task A_queue_is_refused_from_the_first_message_that_is_restored_into_it_until_the_restore_is_gone(string generation, string type)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        FaultStore store = await FaultStore.MakeAsync(FaultStore.Folder, harness.Folder);
        BackupManifest source = await MakeAsync(harness, client, type);
        await client.DeleteAsync("q");
        long killedAt;
        using (RestoreChild child = RestoreChild.Start(harness, store, source, Path.Combine(harness.Folder, "other-checkpoints"), window: 10, rate: 100))
        {
            Assert.True(await child.UntilAsync(1), "the restore ended before it had begun");
            BackupManifest manifest = await harness.BackupAsync(options => options with { Retry = Impatient });

            QueueEntry entry = Assert.Single(manifest.Queues);
            Assert.Equal((BackupStatus.Partial, nameof(ErrorCode.QueueInUse), 0), (manifest.Status, entry.ErrorCode, entry.Messages));
            Assert.Equal(ErrorCode.QueueInUse, Assert.Single(harness.Failures).Code);
            Assert.Equal(["q"], await ListAsync(harness));

            // Neither may another restore mix its messages with these.
            RestoreResult second = await harness.RestoreAsync(source, options => options with { IfNotEmpty = NonEmptyTarget.Append });
            Assert.Equal((nameof(ErrorCode.QueueInUse), 0), (second.Queues[0].ErrorCode, second.Queues[0].Confirmed));
            Assert.True(await child.KillAtAsync(0, 0), "the restore was not under way any more");
            BackupManifest after = await harness.BackupAsync();
            Assert.True(after.Status == BackupStatus.Complete, after.Queues[0].Reason);
            killedAt = after.TotalMessages;
        }

        // A stream is filled batch by batch, and paced so: the first may not have gone yet.
        Assert.InRange(killedAt, type == "stream" ? 0 : 1, Messages - 1);
    }

    [Fact]
    public async Task A_restore_whose_connections_break_is_seen_again_when_they_are_back()
    {
        await using OwnTestBroker broker = await Brokers.OwnAsync("4.3");
        await using TestVirtualHost virtualHost = await TestVirtualHost.CreateAsync(broker);
        using EngineHarness harness = EngineHarness.For(virtualHost);
        RestoreClaims claims = new(harness.Broker, new RecordingLog(), TimeProvider.System);
        await using (claims)
        {
            Assert.True(await claims.TakeAsync(new(virtualHost.Name, "q"), Cancel));
            using ManagementClient management = new(harness.Broker);
            using OtherRuns others = new(management, TimeProvider.System);
            Assert.True(await others.IsClaimedAsync(new(virtualHost.Name, "q"), Cancel));

            await CloseConnectionsAsync(broker);
            for (DateTime deadline = DateTime.UtcNow.AddSeconds(4); await others.IsClaimedAsync(new(virtualHost.Name, "q"), Cancel) && DateTime.UtcNow < deadline; await Task.Delay(20, Cancel))
            {
            }

            for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); !await others.IsClaimedAsync(new(virtualHost.Name, "q"), Cancel); await Task.Delay(200, Cancel))
            {
                Assert.True(DateTime.UtcNow < deadline, "it is not claimed again");
            }
        }
    }

    [Fact]
    public async Task Who_may_not_declare_it_restores_all_the_same()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        using StringContent limit = new("""{"value":0}""", null, "application/json");
        using HttpResponseMessage limited = await virtualHost.Broker.Management.PutAsync($"vhost-limits/{Uri.EscapeDataString(virtualHost.Name)}/max-queues", limit, Cancel);
        limited.EnsureSuccessStatusCode();
        RecordingLog log = new();
        await using RestoreClaims claims = new(harness.Broker, log, TimeProvider.System);

        Assert.True(await claims.TakeAsync(new(virtualHost.Name, "q"), Cancel));
        Assert.Contains(log.Lines, line => line.Contains("a backup that begins now sees it only some seconds later", StringComparison.Ordinal));
    }

    private static async Task<BackupManifest> MakeAsync(EngineHarness harness, IndependentClient client, string type)
    {
        await client.DeclareAsync("q", type);
        await client.PublishAsync("q", Enumerable.Range(0, Messages).Select(number => (new BasicProperties { MessageId = $"{number}", Persistent = true }, new byte[300])));
        return await harness.BackupAsync();
    }

    private static async Task<List<string>> ListAsync(EngineHarness harness)
    {
        List<string> names = [];
        await foreach (QueueInfo queue in QueueListing.ListAsync(harness.Broker, new QueueSelection { VirtualHosts = [harness.VirtualHost] }, cancellationToken: Cancel))
        {
            names.Add(queue.Name);
        }

        return names;
    }

    /// <summary>As an administrator does; a connection is listed some seconds after it was made.</summary>
    private static async Task CloseConnectionsAsync(OwnTestBroker broker)
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(30); DateTime.UtcNow < deadline; await Task.Delay(500, Cancel))
        {
            List<string> names = [.. (await broker.Management.GetFromJsonAsync<JsonElement[]>("connections", Cancel))!.Select(connection => connection.GetProperty("name").GetString()!)];
            foreach (string name in names)
            {
                using HttpResponseMessage closed = await broker.Management.DeleteAsync($"connections/{Uri.EscapeDataString(name)}", Cancel);
                Assert.True(closed.IsSuccessStatusCode || closed.StatusCode == HttpStatusCode.NotFound);
            }

            if (names.Count > 0)
            {
                return;
            }
        }

        Assert.Fail("no connection is listed");
    }
}
