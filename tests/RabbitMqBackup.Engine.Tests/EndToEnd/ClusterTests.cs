using System.Net.Http.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>
/// Clusters of three nodes: queues whose leader is elsewhere, nodes that are down or die at the worst moment, queues without a majority. On one cluster for all tests of a generation; on all three generations in a
/// long run.
/// </summary>
public sealed partial class ClusterTests(OwnTestClusters clusters) : IClassFixture<OwnTestClusters>
{
    private static readonly int Count = LongRun.Count(3000, 6000);

    /// <summary>Bounds what a test waits for where nobody will answer.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(3);

    private static readonly NameMap Copies = NameMap.Create([new("*", "*-2")], "QueueMap");

    public static TheoryData<string> Generations => LongRun.IsOn ? new() { "3.10", "4.0", "4.3" } : new() { "4.3" };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Through_a_node_that_leads_no_queue_all_are_read_restored_and_left_as_they_were(string generation)
    {
        await using ClusterScene scene = await clusters.SceneAsync(generation);
        await scene.FillAsync(scene.Second, "classic", "classic", Count);
        await scene.FillAsync(scene.Third, "quorum", "quorum", Count);
        await scene.FillAsync(scene.Second, "stream", "stream", Count);
        await using IndependentClient client = await scene.ClientAsync(scene.Second);
        await client.DeclareAsync("quorum-2", "quorum");
        await client.DeclareAsync("stream-2", "stream");

        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SkipDefinitions = false });
        Assert.Equal((BackupStatus.Complete, 3L * Count), (manifest.Status, manifest.TotalMessages));
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { Broker = scene.Through(scene.Third), QueueMap = Copies });
        Assert.Equal((true, 3L * Count), (result.IsComplete, result.Confirmed));
        BackupManifest again = await scene.Harness.BackupAsync(options => options with { Selection = options.Selection with { Names = ["quorum"] } });

        // What the first backup cost: nothing where a nack does not count.
        Assert.Equal(generation == "4.3" ? 0 : 1, again.Queues[0].HighestDeliveryCount ?? 0);
        Assert.Equal(await scene.Streams.FingerprintAsync("stream"), await scene.Streams.FingerprintAsync("stream-2"));
        foreach (string queue in (string[])["classic", "quorum"])
        {
            IReadOnlyList<string> original = await client.TakeFingerprintsAsync(queue);
            Assert.Equal(Enumerable.Range(0, Count).Select(number => $"{number}"), original.Select(fingerprint => fingerprint.Split(':')[0]));
            Assert.Equal(original, await client.TakeFingerprintsAsync($"{queue}-2"));
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Queues_of_a_node_that_is_down_are_told_and_left_alone_and_the_others_go_on(string generation)
    {
        string[] down = ["classic-there", "quorum-there", "stream-there"], up = ["classic-here", "quorum", "stream"];
        await using ClusterScene scene = await clusters.SceneAsync(generation);
        await scene.FillAsync(scene.Third, "classic-there", "classic", 1000);
        await scene.FillAsync(scene.Third, "quorum-there", "quorum", 1000, new() { ["x-quorum-initial-group-size"] = 1 });
        await scene.FillAsync(scene.Third, "stream-there", "stream", 1000, new() { ["x-initial-cluster-size"] = 1 });
        await scene.FillAsync(scene.Connected, "classic-here", "classic", 1000);
        await scene.FillAsync(scene.Third, "quorum", "quorum", 1000);
        await scene.FillAsync(scene.Third, "stream", "stream", 1000);
        BackupManifest whole = await scene.Harness.BackupAsync();
        Assert.Equal((BackupStatus.Complete, 6000), (whole.Status, whole.TotalMessages));

        await scene.Cluster.KillAsync(scene.Third);

        // At once, when the broker's statistics know nothing of it, and when they do.
        AssertOnly(await BackupAsync(scene), down, up);
        string[] listed = generation == "3.10" ? down[..2] : down; // which says nothing about a stream without a replica: only reading it tells
        await UntilListedAsync(scene, queues => listed.All(name => queues[name].Verdict == ReadVerdict.Unsafe));
        // Asked for first, the dead node is passed over.
        BackupManifest manifest = await BackupAsync(scene, broker: scene.InTurn(scene.Third, scene.Connected));
        AssertOnly(manifest, down, up);
        Assert.All(manifest.Queues.Where(queue => listed.Contains(queue.Name)), queue => Assert.Equal(QueueOutcome.Skipped, queue.Outcome));
        Assert.NotNull(manifest.Definitions);

        RestoreResult result = await scene.Harness.RestoreAsync(whole, options => options with { Broker = scene.Harness.Broker, IfNotEmpty = NonEmptyTarget.Append }).WaitAsync(Bound, Cancel);
        foreach (RestoreQueueResult queue in result.Queues)
        {
            string[] codes = down.Contains(queue.Queue) ? [nameof(ErrorCode.QueueUnavailable)] : [""];

            // Of queues whose only node is down, 3.10 can say that there are none.
            codes = generation == "3.10" && down.Contains(queue.Queue) ? [.. codes, nameof(ErrorCode.QueueNotFound)] : codes;
            Assert.Contains(queue.ErrorCode ?? "", codes);
            Assert.Equal(down.Contains(queue.Queue) ? 0 : 1000, queue.Confirmed);
        }

        await scene.Cluster.StartAllAsync();
        await scene.AssertIdsAsync("classic-there", 1000);
        await scene.AssertIdsAsync("quorum-there", 1000);
        Assert.Equal(1000, await scene.UntilStreamAsync("stream-there", 1000, scene.Third));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_majority_that_is_lost_in_the_middle_ends_the_read_in_time_and_every_message_is_there_once_when_it_is_back(string generation)
    {
        string[] down = ["quorum", "stream"], up = ["classic-here"];
        await using ClusterScene scene = await clusters.SceneAsync(generation);
        await scene.FillAsync(scene.Connected, "classic-here", "classic", 1000);
        await scene.FillAsync(scene.Second, "quorum", "quorum", Count);
        await scene.FillAsync(scene.Second, "stream", "stream", 500);
        Strike(scene, "quorum", () => scene.Cluster.KillAsync(scene.Second, scene.Third));

        BackupManifest cut = await BackupAsync(scene, perSecond: 2000);
        foreach (QueueEntry entry in cut.Queues)
        {
            ClusterScene.AssertAddsUp(entry);
            // All may have been on the way when the others died: then they are captured, and what is told is that nobody could say whether they are back.
            Assert.True(entry.Outcome == QueueOutcome.Captured ? entry.Messages == entry.DepthAtStart : entry.ErrorCode is not null, $"{entry}: {entry.Messages} of {entry.DepthAtStart} are {entry.Outcome}.");
        }

        Assert.Equal((BackupStatus.Partial, QueueOutcome.Captured), (cut.Status, cut.Queues.Single(entry => entry.Name == "classic-here").Outcome));
        await UntilListedAsync(scene, queues => queues["quorum"].Verdict == ReadVerdict.Unsafe && (generation == "3.10" || queues["stream"].Verdict == ReadVerdict.Unsafe));
        AssertOnly(await BackupAsync(scene), down, up);

        await scene.Cluster.StartAllAsync();
        await scene.AssertIdsAsync("quorum", Count, inOrder: false);
        Assert.Equal(500, await scene.UntilStreamAsync("stream", 500));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_leader_that_dies_while_its_queues_are_read_costs_nothing(string generation)
    {
        for (int round = 0; round < LongRun.Count(1, 5); round++)
        {
            await using ClusterScene scene = await clusters.SceneAsync(generation);
            await scene.FillAsync(scene.Second, "quorum", "quorum", Count);
            await scene.FillAsync(scene.Second, "stream", "stream", 500);
            Strike(scene, "quorum", () => scene.Cluster.KillAsync(scene.Second), TimeSpan.FromMilliseconds(LongRun.IsOn ? Random.Shared.Next(3000) : 0));

            // At this rate the queue is read in several portions, of which only the first are on their way when its leader dies.
            BackupManifest manifest = await BackupAsync(scene, perSecond: 500);

            Assert.Empty(scene.Harness.Failures);
            Assert.Equal((BackupStatus.Complete, Count + 500L), (manifest.Status, manifest.TotalMessages));
            await AssertSameAsync(scene, manifest, inOrder: true);
            await scene.Cluster.StartAllAsync();
            await scene.AssertIdsAsync("quorum", Count);
            Assert.Equal(500, await scene.UntilStreamAsync("stream", 500));
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_leader_that_dies_while_its_queues_are_restored_has_in_the_end_what_was_confirmed(string generation)
    {
        await using ClusterScene scene = await clusters.SceneAsync(generation);
        await scene.FillAsync(scene.Connected, "quorum", "quorum", Count);
        await scene.FillAsync(scene.Connected, "stream", "stream", Count);
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await using (IndependentClient there = await scene.ClientAsync(scene.Second))
        {
            await there.DeclareAsync("quorum-2", "quorum");
            await there.DeclareAsync("stream-2", "stream");
        }

        // A node that is killed right after the declare of a quorum queue forgets it; that is the broker's own (docs/RELIABILITY.md), and not what is tried here.
        await Task.Delay(TimeSpan.FromSeconds(2), Cancel);
        int struck = 0;
        scene.Harness.OnRestoreProgress = progress =>
        {
            if (progress.Messages > Count / 2 && Interlocked.Exchange(ref struck, 1) == 0)
            {
                Task.Run(() => scene.Cluster.KillAsync(scene.Second)).GetAwaiter().GetResult();
            }
        };
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { QueueMap = Copies, MaxMessagesPerSecond = 4000, ConfirmWindow = 500 }).WaitAsync(Bound, Cancel);

        Assert.Equal((1, true, 2L * Count), (struck, result.IsComplete, result.Confirmed));
        await scene.Cluster.StartAllAsync();
        await using IndependentClient client = await scene.ClientAsync(scene.Connected);
        List<int> ids = [.. (await client.TakeIdsAsync("quorum-2")).Select(int.Parse)];
        Assert.Equal(Enumerable.Range(0, Count), ids.Distinct());
        Assert.InRange(ids.Count - Count, 0, result.PossibleDuplicates);
        await scene.UntilStreamAsync("stream-2", Count);
        Assert.Equal(await scene.Streams.FingerprintAsync("stream"), await scene.Streams.FingerprintAsync("stream-2"));
    }

    /// <summary>A node dies when the first segment of a queue is committed, or so long after, while the reader is held up.</summary>
    private static void Strike(ClusterScene scene, string queue, Func<Task> strike, TimeSpan after = default)
    {
        int struck = 0;
        scene.Harness.OnAnySegment = segment =>
        {
            if (segment.Queue != queue || Interlocked.Exchange(ref struck, 1) != 0)
            {
                return;
            }

            Task killing = Task.Run(async () =>
            {
                await Task.Delay(after, Cancel);
                await strike();
            });
            if (after == default)
            {
                killing.GetAwaiter().GetResult();
            }
        };
    }

    private static async Task<BackupManifest> BackupAsync(ClusterScene scene, long? perSecond = null, BrokerOptions? broker = null, int retrySeconds = 15, int requestSeconds = 8)
    {
        scene.Harness.Failures.Clear();
        return await scene.Harness.BackupAsync(options => options with
        {
            Broker = (broker ?? options.Broker) with { RequestTimeout = TimeSpan.FromSeconds(requestSeconds), Heartbeat = TimeSpan.FromSeconds(5) },
            SkipDefinitions = false,
            SegmentBytes = 64 << 10,
            MaxMessagesPerSecond = perSecond,
            Retry = new RetryOptions { MaxAttempts = 30, FirstDelay = TimeSpan.FromMilliseconds(500), MaxDelay = TimeSpan.FromSeconds(5), MaxTime = TimeSpan.FromSeconds(retrySeconds) },
        }).WaitAsync(Bound, Cancel);
    }

    /// <summary>Some queues are whole, the others unavailable, and each of those is told as an error.</summary>
    private static void AssertOnly(BackupManifest manifest, string[] down, string[] up)
    {
        Assert.Equal(BackupStatus.Partial, manifest.Status);
        foreach (QueueEntry entry in manifest.Queues)
        {
            ClusterScene.AssertAddsUp(entry);
            Assert.True(entry.ErrorCode == (down.Contains(entry.Name) ? nameof(ErrorCode.QueueUnavailable) : null), $"{entry} is {entry.Outcome}, {entry.ErrorCode}: {entry.Reason}");
        }

        Assert.Equal(up.Order(StringComparer.Ordinal), manifest.Queues.Where(queue => queue.Outcome == QueueOutcome.Captured).Select(queue => queue.Name).Order(StringComparer.Ordinal));
    }

    private static async Task UntilListedAsync(ClusterScene scene, Func<Dictionary<string, QueueInfo>, bool> wanted)
    {
        Dictionary<string, QueueInfo> queues = await scene.ListAsync();
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); !wanted(queues); queues = await scene.ListAsync())
        {
            Assert.True(DateTime.UtcNow < deadline, string.Join(", ", queues.Values.Select(queue => $"{queue.Name} is {queue.State}, {queue.Verdict}, {queue.Online.Count} of {queue.Members.Count}")));
            await Task.Delay(500, Cancel);
        }
    }

    /// <summary>What is in the backup is what was published, each once: by restoring it under other names.</summary>
    private static async Task AssertSameAsync(ClusterScene scene, BackupManifest manifest, bool inOrder)
    {
        Assert.DoesNotContain((await scene.Harness.VerifyAsync(manifest)).Findings, finding => finding.IsError);
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { QueueMap = Copies });
        Assert.True(result.IsComplete, result.Queues.FirstOrDefault(queue => queue.ErrorCode is not null)?.Reason);
        foreach (QueueEntry entry in manifest.Queues.Where(entry => entry.Type != QueueTypes.Stream))
        {
            await scene.AssertIdsAsync($"{entry.Name}-2", Count, inOrder || entry.Type == QueueTypes.Classic);
        }

        foreach (QueueEntry entry in manifest.Queues.Where(entry => entry.Type == QueueTypes.Stream))
        {
            Assert.Equal(await scene.Streams.FingerprintAsync(entry.Name), await scene.Streams.FingerprintAsync($"{entry.Name}-2"));
        }
    }
}
