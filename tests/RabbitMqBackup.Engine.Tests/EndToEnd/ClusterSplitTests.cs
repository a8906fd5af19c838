using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>Clusters whose nodes live and lose sight of each other.</summary>
public sealed class ClusterSplitTests
{
    private const int Count = 6000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The leader takes back what the consumers of a node hold that it does not see, and gives it to them once more when it sees them again. From 4.3 on it waits for a minute first.</summary>
    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task Nodes_that_lose_sight_of_each_other_for_a_moment_do_not_make_a_backup_that_has_messages_twice(string generation)
    {
        Assert.SkipUnless(LongRun.IsOn, "A cluster of its own for one moment: in a long run.");
        await using TestCluster cluster = await TestCluster.StartAsync(generation, "cluster_partition_handling = autoheal");
        await using ClusterScene scene = await ClusterScene.OnAsync(cluster);
        await scene.FillAsync(scene.Second, "quorum", "quorum", Count);
        string other = cluster.NameOf(scene.Second);
        int struck = 0;
        scene.Harness.OnAnySegment = _ =>
        {
            if (Interlocked.Exchange(ref struck, 1) == 0)
            {
                // They find each other again with the next message.
                Task.Run(() => scene.Connected.CtlAsync("rabbitmqctl", "eval", $"erlang:disconnect_node('{other}'), timer:sleep(1000), net_kernel:connect_node('{other}').")).GetAwaiter().GetResult();
            }
        };

        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 64 << 10, MaxMessagesPerSecond = 1000 }).WaitAsync(TimeSpan.FromMinutes(5), Cancel);

        QueueEntry entry = Assert.Single(manifest.Queues);
        Assert.Equal((QueueOutcome.Captured, Count), (entry.Outcome, (int)entry.Messages));
        List<int> ids = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancel))
            {
                ids.Add(int.Parse(message.Properties.MessageId!));
            }
        }

        Assert.Equal(Enumerable.Range(0, Count), ids.Order());
        await scene.AssertIdsAsync("quorum", Count, inOrder: false);
    }
}
