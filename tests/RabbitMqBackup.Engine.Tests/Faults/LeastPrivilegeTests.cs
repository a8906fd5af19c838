using System.Net;
using System.Net.Http.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>The rights that docs/RELIABILITY.md names suffice, and with less the error says what is missing.</summary>
public sealed class LeastPrivilegeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Monitoring_and_read_suffice_for_a_backup_and_write_and_configure_on_the_queue_for_a_restore(string generation)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("q", "classic");
        await client.PublishAsync("q", Enumerable.Range(0, 20).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[10])));
        string user = $"least-{Guid.NewGuid():n}";
        try
        {
            BrokerOptions reader = await UserAsync(virtualHost, harness, user, "monitoring", configure: "", write: "", read: "^q$");
            BackupManifest manifest = await harness.BackupAsync(options => options with { Broker = reader });
            Assert.Equal((BackupStatus.Complete, 20L), (manifest.Status, manifest.TotalMessages));

            // Definitions are more than it may see: told, and the messages are there.
            BackupManifest partial = await harness.BackupAsync(options => options with { Broker = reader, SkipDefinitions = false });
            Assert.Equal((BackupStatus.Partial, 20L), (partial.Status, partial.TotalMessages));
            Assert.Contains("administrator", Assert.Single(harness.Failures).Hint, StringComparison.Ordinal);
            harness.Failures.Clear();

            await client.DeleteAsync("q");
            BrokerOptions writer = await UserAsync(virtualHost, harness, user, "monitoring", configure: "^q$", write: @"^amq\.default$", read: "^q$");
            await harness.RestoreAsync(manifest, options => options with { Broker = writer });
            Assert.Empty(harness.Failures);
            Assert.Equal(20u, await client.CountAsync("q"));

            // Into a queue that is there, nothing has to be configured.
            BrokerOptions appender = await UserAsync(virtualHost, harness, user, "monitoring", configure: "", write: @"^amq\.default$", read: "^q$");
            await harness.RestoreAsync(manifest, options => options with { Broker = appender, IfNotEmpty = Engine.Restore.NonEmptyTarget.Append });
            Assert.Empty(harness.Failures);
            Assert.Equal(40u, await client.CountAsync("q"));
        }
        finally
        {
            using HttpResponseMessage _ = await virtualHost.Broker.Management.DeleteAsync($"users/{user}", CancellationToken.None);
        }
    }

    [Theory]
    [InlineData("", "^q$")]
    [InlineData("monitoring", "")]
    public async Task With_less_the_error_names_what_is_missing_and_nothing_is_stored(string tags, string read)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("q", "classic");
        await client.PublishAsync("q", Enumerable.Range(0, 20).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[10])));
        string user = $"least-{Guid.NewGuid():n}";
        try
        {
            BrokerOptions broker = await UserAsync(virtualHost, harness, user, tags, configure: "", write: "", read);
            RabbitBackupException? refusal = await Record.ExceptionAsync(() => harness.BackupAsync(options => options with { Broker = broker })) as RabbitBackupException ?? harness.Failures.FirstOrDefault();
            Assert.NotNull(refusal);
            Assert.Equal(ErrorCode.BrokerAccessRefused, refusal.Code);
            Assert.Contains(tags.Length == 0 ? "tag" : user, refusal.Message + refusal.Hint, StringComparison.Ordinal);
            Assert.Empty(harness.Segments);
            Assert.Equal(20u, await client.CountAsync("q"));
        }
        finally
        {
            using HttpResponseMessage _ = await virtualHost.Broker.Management.DeleteAsync($"users/{user}", CancellationToken.None);
        }
    }

    private static async Task<BrokerOptions> UserAsync(TestVirtualHost virtualHost, EngineHarness harness, string user, string tags, string configure, string write, string read)
    {
        using HttpResponseMessage made = await virtualHost.Broker.Management.PutAsJsonAsync($"users/{user}", new { password = "least", tags }, Cancel);
        made.EnsureSuccessStatusCode();
        using HttpResponseMessage allowed = await virtualHost.Broker.Management.PutAsJsonAsync($"permissions/{Uri.EscapeDataString(virtualHost.Name)}/{user}", new { configure, write, read }, Cancel);
        allowed.EnsureSuccessStatusCode();
        return harness.Broker with { Credential = new NetworkCredential(user, "least") };
    }
}
