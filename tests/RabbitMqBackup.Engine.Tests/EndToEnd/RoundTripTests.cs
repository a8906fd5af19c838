using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Verification;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>The main job on a real broker, compared message by message by RabbitMQ's own client.</summary>
public class RoundTripTests
{
    [Theory]
    [InlineData("classic", 50_000)]
    [InlineData("quorum", 50_000)]
    public async Task Mixed_messages_stay_where_they_are_and_come_back_the_same_in_the_same_order(string type, int count)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        RandomMessages random = new(seed: count);
        await client.DeclareAsync("mixed", type);
        await client.PublishAsync("mixed", Enumerable.Range(0, count).Select(random.Next));
        List<string> before = await client.FingerprintsAsync("mixed");

        BackupManifest manifest = await harness.BackupAsync();

        Assert.Empty(harness.Failures);
        Assert.Equal(BackupStatus.Complete, manifest.Status);
        Assert.Equal(count, manifest.TotalMessages);
        Assert.Equal(before, await client.FingerprintsAsync("mixed"));
        VerificationReport report = await harness.VerifyAsync(manifest);
        Assert.Empty(report.Findings);
        Assert.Equal(count, report.Messages);

        await client.DeleteAsync("mixed");
        RestoreResult result = await harness.RestoreAsync(manifest);

        Assert.Empty(harness.Failures);
        Assert.True(result.IsComplete);
        Assert.Equal(count, result.Confirmed);
        Assert.Equal(before, await client.FingerprintsAsync("mixed"));
    }
}
