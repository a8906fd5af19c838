using System.Diagnostics;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>A process that lives long: many backups and restores leave no memory, handle, thread, connection or channel behind. 32 in CI, 2,000 in a long run.</summary>
[CollectionDefinition(nameof(SoakTests), DisableParallelization = true)]
[Collection(nameof(SoakTests))]
public sealed class SoakTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_backups_and_restores_in_one_process_leave_nothing_behind()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "handles are counted in /proc");
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        foreach ((string queue, string type) in new[] { ("a", "classic"), ("b", "quorum"), ("c", "classic") })
        {
            await client.DeclareAsync(queue, type);
            await client.PublishAsync(queue, Enumerable.Range(0, 50).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[300])));
        }

        int rounds = LongRun.Count(32, 2_000);
        List<Usage> usages = [];
        for (int round = 0; round < rounds; round++)
        {
            BackupManifest manifest = await harness.BackupAsync();
            Assert.Equal(150, manifest.TotalMessages);
            foreach (string queue in new[] { "a", "b", "c" })
            {
                await client.DeleteAsync(queue);
            }

            await harness.RestoreAsync(manifest);
            Assert.Empty(harness.Failures);
            harness.Segments.Clear();
            Directory.Delete(Path.Combine(harness.Folder, manifest.BackupId), recursive: true);
            if (round % (rounds / 4) == (rounds / 4) - 1)
            {
                usages.Add(Usage.Now());
            }
        }

        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await ConnectionsAsync(virtualHost) > 1; await Task.Delay(500, Cancel))
        {
            Assert.True(DateTime.UtcNow < deadline, "connections are left on the broker");
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{rounds} rounds: {string.Join(" | ", usages)}");
        // The first quarter warms up; between the second and the last nothing may grow with the rounds.
        Usage early = usages[1], late = usages[^1];
        Assert.True(late.Handles <= early.Handles + 10, $"handles: {early} → {late}");
        Assert.True(late.Threads <= early.Threads + 15, $"threads: {early} → {late}");
        Assert.True(late.ManagedBytes <= early.ManagedBytes + (16 << 20), $"memory: {early} → {late}");
    }

    private static async Task<int> ConnectionsAsync(TestVirtualHost virtualHost)
    {
        string json = await virtualHost.Broker.Management.GetStringAsync($"vhosts/{Uri.EscapeDataString(virtualHost.Name)}/connections", Cancel);
        return JsonDocument.Parse(json).RootElement.GetArrayLength();
    }

    private sealed record Usage(int Handles, int Threads, long ManagedBytes, long WorkingSet)
    {
        internal static Usage Now()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            using Process self = Process.GetCurrentProcess();
            return new Usage(Directory.GetFiles("/proc/self/fd").Length, self.Threads.Count, GC.GetTotalMemory(forceFullCollection: true), self.WorkingSet64);
        }

        public override string ToString() => $"{Handles} handles, {Threads} threads, {ManagedBytes >> 10} KiB managed, {WorkingSet >> 20} MiB";
    }
}
