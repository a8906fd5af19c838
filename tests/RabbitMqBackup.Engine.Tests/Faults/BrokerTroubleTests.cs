using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>What happens to a broker while it is backed up.</summary>
public sealed class BrokerTroubleTests
{
    private const int Count = 8_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public async Task A_broker_that_is_killed_and_comes_back_is_read_again_and_the_backup_is_whole(string type)
    {
        OwnTestBroker broker = await Brokers.OwnAsync("4.3");
        await using (broker)
        {
            await using TestVirtualHost virtualHost = await TestVirtualHost.CreateAsync(broker);
            using EngineHarness harness = EngineHarness.For(virtualHost);
            await using (IndependentClient client = await IndependentClient.ConnectAsync(broker, virtualHost.Name))
            {
                await FillAsync(client, "q", type);
            }

            // A node that is killed within a second of the declare of a quorum queue forgets its messages; that is the broker's own (docs/RELIABILITY.md), and not what is tried here.
            await Task.Delay(TimeSpan.FromSeconds(2), Cancel);
            Task restart = Task.CompletedTask;
            harness.OnFirstSegment = () => restart = Task.Run(async () =>
            {
                await broker.KillAsync();
                await broker.StartAsync();
            });
            BackupManifest manifest = await harness.BackupAsync(options => options with
            {
                SegmentBytes = 64 << 10,
                Retry = new RetryOptions { MaxAttempts = 19, FirstDelay = TimeSpan.FromMilliseconds(500), MaxDelay = TimeSpan.FromSeconds(15), MaxTime = TimeSpan.FromMinutes(5) },
            });
            await restart;

            Assert.Empty(harness.Failures);
            Assert.Equal((BackupStatus.Complete, (long)Count), (manifest.Status, manifest.TotalMessages));
            Assert.DoesNotContain((await harness.VerifyAsync(manifest)).Findings, finding => finding.IsError);
            await using IndependentClient again = await IndependentClient.ConnectAsync(broker, virtualHost.Name);
            Assert.Equal(Enumerable.Range(0, Count).Select(number => $"{number}"), (await again.FingerprintsAsync("q")).Select(fingerprint => fingerprint.Split(':')[0]));
        }
    }

    [Fact]
    public async Task A_queue_that_is_deleted_meanwhile_is_told_and_the_others_are_whole()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await FillAsync(client, "a", "classic");
        await FillAsync(client, "b", "classic");
        harness.OnFirstSegment = () => client.DeleteAsync(harness.Segments[0].Queue).GetAwaiter().GetResult();

        BackupManifest manifest = await harness.BackupAsync(options => options with { SegmentBytes = 64 << 10, MaxConcurrentQueues = 1 });

        Assert.Equal(BackupStatus.Partial, manifest.Status);
        QueueEntry deleted = manifest.Queues.Single(queue => queue.Name == harness.Segments[0].Queue), whole = manifest.Queues.Single(queue => queue != deleted);
        Assert.True(deleted.Outcome is QueueOutcome.Incomplete, $"{deleted.Outcome}: {deleted.Reason}");
        Assert.NotNull(deleted.Reason ?? deleted.Gaps.FirstOrDefault()?.Reason);
        Assert.Equal((QueueOutcome.Captured, (long)Count), (whole.Outcome, whole.Messages));
        Assert.Single(harness.Failures);
        Assert.DoesNotContain((await harness.VerifyAsync(manifest)).Findings, finding => finding.IsError);
    }

    [Fact]
    public async Task A_permission_that_is_withdrawn_meanwhile_fails_the_queues_after_it_and_no_other()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await FillAsync(client, "a", "classic", 100);
        await FillAsync(client, "b", "classic", 100);
        string user = $"u-{Guid.NewGuid():n}", host = Uri.EscapeDataString(virtualHost.Name);
        await PutAsync(virtualHost, $"users/{user}", """{"password":"p","tags":"monitoring"}""");
        await PutAsync(virtualHost, $"permissions/{host}/{user}", """{"configure":"","write":"","read":".*"}""");
        try
        {
            harness.OnFirstSegment = () => PutAsync(virtualHost, $"permissions/{host}/{user}", """{"configure":"","write":"","read":"^a$"}""").GetAwaiter().GetResult();
            BackupManifest manifest = await harness.BackupAsync(options => options with
            {
                Broker = harness.Broker with { Credential = new System.Net.NetworkCredential(user, "p") },
                MaxConcurrentQueues = 1,
            });

            QueueEntry[] failed = [.. manifest.Queues.Where(queue => queue.Outcome == QueueOutcome.Failed)];
            Assert.Equal(BackupStatus.Partial, manifest.Status);
            Assert.Equal(["b"], failed.Select(queue => queue.Name));
            Assert.Equal(nameof(ErrorCode.BrokerAccessRefused), failed[0].ErrorCode);
            Assert.Equal(100, manifest.TotalMessages);
            Assert.Equal(ErrorCode.BrokerAccessRefused, Assert.Single(harness.Failures).Code);
        }
        finally
        {
            using HttpResponseMessage _ = await virtualHost.Broker.Management.DeleteAsync($"users/{user}", CancellationToken.None);
        }
    }

    private static async Task PutAsync(TestVirtualHost virtualHost, string path, string json)
    {
        using StringContent content = new(json, System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await virtualHost.Broker.Management.PutAsync(path, content, Cancel);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task FillAsync(IndependentClient client, string queue, string type, int count = Count)
    {
        await client.DeclareAsync(queue, type);
        await client.PublishAsync(queue, Enumerable.Range(0, count).Select(number => (new BasicProperties { MessageId = $"{number}", Persistent = true }, Noise(number))));
    }

    private static byte[] Noise(int number)
    {
        byte[] body = new byte[200];
        new Random(number).NextBytes(body);
        return body;
    }
}
