using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Verification;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>The main job on a real broker, compared message by message by RabbitMQ's own client. A class for each type, since those of one class run one after the other.</summary>
internal static class RoundTrip
{
    private const int Count = 50_000;

    internal static async Task ProveAsync(string type)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        RandomMessages random = new(seed: Count);
        await client.DeclareAsync("mixed", type);
        await client.PublishAsync("mixed", Enumerable.Range(0, Count).Select(random.Next));
        List<string> before = await client.FingerprintsAsync("mixed");

        BackupManifest manifest = await harness.BackupAsync();

        Assert.Empty(harness.Failures);
        Assert.Equal(BackupStatus.Complete, manifest.Status);
        Assert.Equal(Count, manifest.TotalMessages);
        Assert.Equal(before, await client.FingerprintsAsync("mixed"));
        VerificationReport report = await harness.VerifyAsync(manifest);
        Assert.Empty(report.Findings);
        Assert.Equal(Count, report.Messages);

        await client.DeleteAsync("mixed");
        RestoreResult result = await harness.RestoreAsync(manifest);

        Assert.Empty(harness.Failures);
        Assert.True(result.IsComplete);
        Assert.Equal(Count, result.Confirmed);
        Assert.Equal(before, await client.TakeFingerprintsAsync("mixed"));
    }
}
