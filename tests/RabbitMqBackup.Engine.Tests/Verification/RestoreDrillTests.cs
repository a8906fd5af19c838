using System.Text.Json.Nodes;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Tests.EndToEnd.Streams;
using RabbitMqBackup.Engine.Tests.Restore;
using RabbitMqBackup.Engine.Verification;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Verification;

public class RestoreDrillTests
{
    [Fact]
    public async Task Every_message_is_compared_and_nothing_stays_behind()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", Messages(300), new() { ["x-max-length"] = 400, ["x-message-ttl"] = 3_600_000, ["x-max-priority"] = 4 });
        await scene.Client.DeclareAsync("ledger", "quorum");
        await scene.Client.PublishAsync("ledger", Messages(200));
        BackupManifest manifest = await scene.Harness.BackupAsync();

        (DrillReport report, IReadOnlyList<VerificationFinding> findings) = await DrillAsync(scene, manifest);

        Assert.DoesNotContain(findings, finding => finding.IsError);
        Assert.Equal([(200, 200), (300, 300)], report.Queues.Select(queue => (queue.Expected, queue.Equal)).Order());
        Assert.Equal(500, report.Messages);
        Assert.DoesNotContain(report.VirtualHost, await VirtualHostsAsync(scene.VirtualHost.Broker));
        Assert.Equal((300u, 200u), (await scene.Client.CountAsync("orders"), await scene.Client.CountAsync("ledger")));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task Streams_are_compared_message_by_message(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishAsync("log", StreamBed.Mixed(3_000, 100));
        await using (IndependentClient client = await IndependentClient.ConnectAsync(bed.Broker, bed.VirtualHost))
        {
            // Above the frame size of the stream protocol: it takes another way.
            await client.PublishEachAsync("log", ["large"], TestContext.Current.CancellationToken, bytes: 3_000_000);
        }

        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { SegmentBytes = 64 << 10 });
        DrillOptions options = new() { Broker = bed.Harness.Broker };

        (DrillReport report, IReadOnlyList<VerificationFinding> findings) = await new RestoreDrill().RunAsync(manifest, options, _ => { }, TestContext.Current.CancellationToken);
        File.Delete(Path.Combine(bed.Harness.Folder, manifest.BackupId, manifest.Queues[0].Segments[^1].Key));
        (DrillReport damaged, IReadOnlyList<VerificationFinding> found) = await new RestoreDrill().RunAsync(manifest, options, _ => { }, TestContext.Current.CancellationToken);

        Assert.Empty(findings);
        DrillQueue log = Assert.Single(report.Queues);
        Assert.Equal((manifest.TotalMessages, manifest.TotalMessages, true), (log.Expected, log.Equal, log.InOrder));
        Assert.Contains(found, finding => finding.IsError);
        Assert.InRange(damaged.Queues[0].Equal, 1, manifest.TotalMessages - 1);
    }

    [Fact]
    public async Task A_segment_that_is_missing_is_found_and_the_virtual_host_is_gone_all_the_same()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", Messages(100));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        File.Delete(Path.Combine(scene.Harness.Folder, manifest.BackupId, manifest.Queues[0].Segments[0].Key));

        (DrillReport report, IReadOnlyList<VerificationFinding> findings) = await DrillAsync(scene, manifest);

        Assert.Contains(findings, finding => finding.IsError);
        Assert.Equal((100, 0), (report.Queues[0].Expected, report.Queues[0].Equal));
        Assert.DoesNotContain(report.VirtualHost, await VirtualHostsAsync(scene.VirtualHost.Broker));
    }

    [Fact]
    public async Task A_cancelled_drill_leaves_no_virtual_host()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", Messages(20_000));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        string[] before = await VirtualHostsAsync(scene.VirtualHost.Broker);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);

        Task drill = new RestoreDrill().RunAsync(manifest, new DrillOptions { Broker = scene.Harness.Broker }, _ => started.TrySetResult(), stop.Token);
        await started.Task.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        string[] during = [.. (await VirtualHostsAsync(scene.VirtualHost.Broker)).Except(before).Where(name => name.StartsWith("rabbitmq-backup-drill-", StringComparison.Ordinal))];
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => drill);
        Assert.NotEmpty(during);
        Assert.Empty(during.Intersect(await VirtualHostsAsync(scene.VirtualHost.Broker)));
    }

    [Theory]
    [InlineData("2", 2)]
    [InlineData("50%", 2)]
    [InlineData("1%", 1)]
    [InlineData("100%", 3)]
    [InlineData("99", 3)]
    [InlineData(null, 4)]
    public void A_sample_has_as_many_queues_as_asked_for(string? sample, int expected)
    {
        BackupManifest manifest = new()
        {
            BackupId = "b",
            Queues = [.. Enumerable.Range(0, 4).Select(number => new QueueEntry { VirtualHost = "/", Name = $"q{number}", Type = "classic", Messages = number })],
        };

        Assert.Equal(expected, RestoreDrill.Sample(manifest, sample).Queues.Count);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("101%")]
    [InlineData("many")]
    [InlineData("%")]
    public void What_is_no_sample_is_refused(string sample) =>
        Assert.Throws<ArgumentException>(() => RestoreDrill.Sample(new BackupManifest { BackupId = "b" }, sample));

    [Fact]
    public void Messages_are_counted_as_often_as_both_sides_have_them() => Assert.Equal(3, DrillComparison.Common([1, 1, 2, 3], [1, 2, 1, 1, 4]));

    private static Task<(DrillReport Report, IReadOnlyList<VerificationFinding> Findings)> DrillAsync(RestoreScene scene, BackupManifest manifest) =>
        new RestoreDrill().RunAsync(manifest, new DrillOptions { Broker = scene.Harness.Broker }, _ => { }, TestContext.Current.CancellationToken);

    private static IEnumerable<(BasicProperties Properties, byte[] Body)> Messages(int count) => Enumerable.Range(0, count).Select(number => (
        new BasicProperties
        {
            MessageId = $"{number}",
            Expiration = "3600000",
            Priority = (byte)(number % 5),
            UserId = number % 2 == 0 ? "guest" : null,
            Headers = new Dictionary<string, object?> { ["z"] = number, ["a"] = new Dictionary<string, object?> { ["y"] = 1L, ["b"] = "two" }, ["list"] = new List<object?> { true, 1.5d } },
        },
        BitConverter.GetBytes(number)));

    private static async Task<string[]> VirtualHostsAsync(TestBroker broker)
    {
        JsonNode list = JsonNode.Parse(await broker.Management.GetStringAsync("vhosts?columns=name", TestContext.Current.CancellationToken))!;
        return [.. list.AsArray().Select(host => host!["name"]!.GetValue<string>())];
    }
}
