using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>A broker that is killed in the middle and comes back.</summary>
public sealed class StreamOutageTests
{
    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task A_broker_killed_while_a_stream_is_backed_up_and_restored_costs_no_message_and_doubles_none(string generation)
    {
        OwnTestBroker broker = await Brokers.OwnAsync(generation);
        await using (broker)
        {
            await using StreamBed bed = await StreamBed.OnAsync(broker);
            await bed.CreateAsync("log", ("stream-max-segment-size-bytes", "5000000"));
            await bed.PublishAsync("log", StreamBed.Mixed(100_000, 100));
            (string, long Messages) before = await bed.FingerprintAsync("log");

            // A node that is killed right after its first declare of a kind that Raft keeps forgets it; that is the broker's own (docs/RELIABILITY.md), and not what is tried here.
            await Task.Delay(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken);

            // The first segment holds the reader up until the broker is dead, so that it dies in the middle on any machine.
            Task? restarted = null;
            bed.Harness.OnFirstSegment = () => restarted = KillAndStart(broker);
            BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { SegmentBytes = 1 << 20 });
            await restarted!;
            Assert.Equal(before, await bed.FingerprintAsync("log"));
            await bed.DeleteAsync("log");

            Task? again = null;
            bed.Harness.OnRestoreProgress = progress => again ??= progress.Messages > 20_000 ? KillAndStart(broker) : null;
            RestoreResult result = await bed.Harness.RestoreAsync(manifest);
            await again!;

            Assert.Empty(bed.Harness.Failures);
            Assert.Equal((BackupStatus.Complete, before.Messages), (manifest.Status, manifest.TotalMessages));
            Assert.Equal((true, before.Messages), (result.IsComplete, result.Confirmed));
            Assert.Equal(before, await bed.FingerprintAsync("log"));
        }
    }

    /// <summary>Returns when it is dead; the task ends when it is back.</summary>
    private static Task KillAndStart(OwnTestBroker broker)
    {
        Task.Run(broker.KillAsync).GetAwaiter().GetResult();
        return Task.Run(broker.StartAsync);
    }
}
