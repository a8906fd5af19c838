using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

/// <summary>A target that goes away in the middle, comes back, or runs out of memory: what the restore does, and what its counts say.</summary>
public class RestoreTroubleTests
{
    private const int Messages = 30_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_target_that_comes_back_gets_the_rest_and_duplicates_are_counted()
    {
        await using OwnTestBroker broker = await Brokers.OwnAsync("4.3");
        await using RestoreScene scene = await FilledAsync(broker);
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 1 << 20 });
        await scene.Client.DeleteAsync("orders");

        Task<RestoreResult> restore = RestoreSlowlyAsync(scene, manifest, TimeSpan.FromMinutes(4));
        await AwaitSomeAsync(scene);
        await broker.RestartAsync();
        RestoreResult result = await restore;

        Assert.True(result.IsComplete, result.Queues[0].Reason);
        Assert.Equal(Messages, result.Confirmed);
        await using IndependentClient client = await IndependentClient.ConnectAsync(broker, scene.VirtualHost.Name);
        List<int> ids = [.. (await client.TakeIdsAsync("orders")).Select(int.Parse)];
        Assert.Equal(Enumerable.Range(0, Messages), ids.Distinct());
        Assert.InRange(ids.Count - Messages, 0, result.PossibleDuplicates);
    }

    [Fact]
    public async Task A_target_that_stays_away_is_told_with_what_it_has_and_what_nobody_knows()
    {
        await using OwnTestBroker broker = await Brokers.OwnAsync("4.3");
        await using RestoreScene scene = await FilledAsync(broker);
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 1 << 20 });
        await scene.Client.DeleteAsync("orders");

        Task<RestoreResult> restore = RestoreSlowlyAsync(scene, manifest, TimeSpan.FromSeconds(2));
        await AwaitSomeAsync(scene);
        await broker.KillAsync();
        RestoreResult result = await restore;
        await broker.StartAsync();

        Assert.False(result.IsComplete);
        Assert.Contains(result.Queues[0].ErrorCode, new[] { nameof(ErrorCode.BrokerConnectionLost), nameof(ErrorCode.BrokerUnreachable) });
        Assert.InRange(result.Confirmed, 1, Messages - 1);
        await using IndependentClient client = await IndependentClient.ConnectAsync(broker, scene.VirtualHost.Name);
        // The queue was declared by this restore: what is confirmed is there after the kill only since the restore waits with its first message (QueueDeclares).
        uint count;
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); (count = await client.CountAsync("orders")) < result.Confirmed && DateTime.UtcNow < deadline;)
        {
            // A node that was killed reads its queues in for a while after it has opened its port.
            await Task.Delay(100, Cancel);
        }

        Assert.InRange(count, result.Confirmed, result.Confirmed + result.Unconfirmed);
    }

    [Fact]
    public async Task While_the_target_is_short_of_memory_the_restore_waits()
    {
        await using OwnTestBroker broker = await Brokers.OwnAsync("4.3");
        await using RestoreScene scene = await FilledAsync(broker);
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 1 << 20 });
        await scene.Client.DeleteAsync("orders");

        // The command that raises the alarm takes its time on a busy machine: the restore is held up as long.
        Task? alarm = null;
        TaskCompletionSource alarmed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        scene.Harness.OnRestoreProgress = progress =>
        {
            if (alarm is null && progress.Messages > 2000)
            {
                alarm = Task.Run(() => broker.CtlAsync("rabbitmqctl", "set_vm_memory_high_watermark", "0.000001"));
                alarm.GetAwaiter().GetResult();
                alarmed.SetResult();
            }
        };
        Task<RestoreResult> restore = Task.Run(() => RestoreSlowlyAsync(scene, manifest, TimeSpan.FromMinutes(1)));
        await Task.WhenAny(alarmed.Task, restore);
        await Task.Delay(TimeSpan.FromSeconds(3), Cancel);
        Assert.False(restore.IsCompleted);
        await broker.CtlAsync("rabbitmqctl", "set_vm_memory_high_watermark", "0.6");
        RestoreResult result = await restore;

        Assert.Equal((true, Messages, 0, 0), (result.IsComplete, result.Confirmed, result.PossibleDuplicates, result.Unconfirmed));
        Assert.Equal(Enumerable.Range(0, Messages), (await scene.Client.TakeIdsAsync("orders")).Select(int.Parse));
    }

    private static async Task<RestoreScene> FilledAsync(TestBroker broker)
    {
        RestoreScene scene = await RestoreScene.OnAsync(broker);
        await scene.Client.DeclareAsync("orders", "quorum");
        await scene.Client.PublishAsync("orders", RestoreScene.Numbered(Messages, bytes: 100));
        return scene;
    }

    /// <summary>At a rate that leaves time for trouble.</summary>
    private static Task<RestoreResult> RestoreSlowlyAsync(RestoreScene scene, BackupManifest manifest, TimeSpan retry) =>
        scene.Harness.RestoreAsync(manifest, options => options with { MaxMessagesPerSecond = 5000, RetryTimeout = retry, ConfirmWindow = 500 });

    private static async Task AwaitSomeAsync(RestoreScene scene)
    {
        for (DateTime deadline = DateTime.UtcNow.AddMinutes(2); await IsShortAsync(); await Task.Delay(50, Cancel))
        {
            Assert.True(DateTime.UtcNow < deadline, "the restore does not come on");
        }

        async Task<bool> IsShortAsync()
        {
            try
            {
                return await scene.Client.CountAsync("orders") < 2000;
            }
            catch (RabbitMQ.Client.Exceptions.OperationInterruptedException)
            {
                return true;
            }
        }
    }
}
