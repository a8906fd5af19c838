using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Verification;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>A store's disk that is full, read-only, out of inodes or gone; a checkpoint's disk that is full; a clock that jumps back.</summary>
public sealed class StoreTroubleTests
{
    private const int Count = 4_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("size=300k", "size=100m")]
    [InlineData("size=100m,nr_inodes=12", "size=100m,nr_inodes=10000")]
    public async Task A_full_disk_ends_the_run_and_with_room_it_is_resumed(string small, string large)
    {
        using SmallDisk disk = SmallDisk.Mount(small);
        await RunAsync(async (harness, client) =>
        {
            BackupStore store = BackupStore.Parse(Path.Combine(disk.Folder, "store"));
            RabbitBackupException full = await Assert.ThrowsAsync<RabbitBackupException>(() => harness.BackupAsync(options => Named(options, harness) with { Store = store }));
            Assert.Equal(ErrorCode.StorageUnavailable, full.Code);
            Assert.NotNull(full.Hint);
            await using BackupCatalog catalog = new(store);
            Assert.False(await catalog.ExistsAsync("a", Cancel));
            Assert.Equal((uint)Count, await client.CountAsync("q"));

            disk.Remount(large);
            BackupManifest manifest = await harness.BackupAsync(options => Named(options, harness) with { Store = store, Resume = true });
            Assert.Equal((BackupStatus.Complete, (long)Count), (manifest.Status, manifest.TotalMessages));
            Assert.Empty((await harness.VerifyAsync(manifest)).Findings);
        });
    }

    [Fact]
    public async Task A_disk_that_becomes_read_only_ends_the_run()
    {
        using SmallDisk disk = SmallDisk.Mount("size=100m");
        await RunAsync(async (harness, client) =>
        {
            BackupStore store = BackupStore.Parse(Path.Combine(disk.Folder, "store"));
            harness.OnFirstSegment = () => disk.Remount("ro");
            RabbitBackupException refused = await Assert.ThrowsAsync<RabbitBackupException>(() => harness.BackupAsync(options => Named(options, harness) with { Store = store }));
            Assert.True(refused.Code is ErrorCode.StorageAccessDenied or ErrorCode.StorageUnavailable, refused.ToString());
            await using BackupCatalog catalog = new(store);
            Assert.False(await catalog.ExistsAsync("a", Cancel));
            Assert.Equal((uint)Count, await client.CountAsync("q"));
        });
    }

    [Fact]
    public async Task A_full_disk_under_the_checkpoint_costs_only_the_chance_to_resume()
    {
        using SmallDisk disk = SmallDisk.Mount("size=100k");
        await RunAsync(async (harness, _) =>
        {
            BackupManifest manifest = await harness.BackupAsync(options => Named(options, harness) with { CheckpointPath = disk.Folder, CheckpointInterval = TimeSpan.Zero });
            Assert.Equal((BackupStatus.Complete, (long)Count), (manifest.Status, manifest.TotalMessages));
            Assert.Empty((await harness.VerifyAsync(manifest)).Findings);
        });
    }

    [Fact]
    public async Task A_folder_that_is_removed_meanwhile_never_leaves_a_backup_that_looks_whole() => await RunAsync(async (harness, client) =>
    {
        string folder = Path.Combine(harness.Folder, "store");
        BackupStore store = BackupStore.Parse(folder);
        harness.OnFirstSegment = () => Remove(folder);

        RabbitBackupException gone = await Assert.ThrowsAsync<RabbitBackupException>(() => harness.BackupAsync(options => Named(options, harness) with { Store = store }));

        Assert.Equal(ErrorCode.StorageUnavailable, gone.Code);
        await using BackupCatalog catalog = new(store);
        Assert.False(await catalog.ExistsAsync("a", Cancel));
        Assert.Equal((uint)Count, await client.CountAsync("q"));
    });

    [Fact]
    public async Task A_clock_that_jumps_back_costs_a_remark_and_no_message() => await RunAsync(async (harness, client) =>
    {
        JumpingClock clock = new();
        harness.OnFirstSegment = () => clock.Jump = TimeSpan.FromHours(-3);
        harness.Time = clock;

        // Slow enough that there is something left to read when it jumps, and segments larger than what one read of the socket brings, whose messages have one time: so there are two times in each.
        const int Total = 3 * Count;
        await client.PublishAsync("q", Enumerable.Range(Count, Total - Count).Select(number => (new BasicProperties { MessageId = $"{number}" }, Noise(number))));
        BackupManifest manifest = await harness.BackupAsync(options => Named(options, harness) with { MaxMessagesPerSecond = 8_000, SegmentBytes = 600 << 10 });

        Assert.Equal((BackupStatus.Complete, (long)Total), (manifest.Status, manifest.TotalMessages));
        IReadOnlyList<VerificationFinding> findings = (await harness.VerifyAsync(manifest)).Findings;
        Assert.All(findings, finding => Assert.False(finding.IsError, finding.Message));
        Assert.Contains(findings, finding => finding.Code == "TimeOrder");

        // Of two windows that meet, each message is in one, though the rows' times don't bound those of their messages.
        await client.PurgeAsync("q");
        DateTimeOffset between = DateTimeOffset.UtcNow.AddHours(-1);
        RestoreResult late = await harness.RestoreAsync(manifest, options => options with { After = between });
        RestoreResult early = await harness.RestoreAsync(manifest, options => options with { Before = between, IfNotEmpty = NonEmptyTarget.Append });
        Assert.True(early.Confirmed > 0, "the clock jumped too late");
        Assert.Equal(Total, late.Confirmed + early.Confirmed);
        Assert.Equal((uint)Total, await client.CountAsync("q"));
    });

    private static BackupOptions Named(BackupOptions options, EngineHarness harness) =>
        options with { BackupId = "a", SegmentBytes = 64 << 10, CheckpointPath = Path.Combine(harness.Folder, "checkpoints") };

    private static async Task RunAsync(Func<EngineHarness, IndependentClient, Task> test)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("q", "classic");
        await client.PublishAsync("q", Enumerable.Range(0, Count).Select(number => (new BasicProperties { MessageId = $"{number}" }, Noise(number))));
        await test(harness, client);
    }

    /// <summary>The run writes into it meanwhile.</summary>
    private static void Remove(string folder)
    {
        for (int attempt = 0; Directory.Exists(folder); attempt++)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
                return;
            }
            catch (IOException) when (attempt < 100)
            {
                Thread.Sleep(1);
            }
        }
    }

    private static byte[] Noise(int number)
    {
        byte[] body = new byte[200];
        new Random(number).NextBytes(body);
        return body;
    }

    /// <summary>Once it jumps it does so at every other look, as where two machines that disagree set it in turns.</summary>
    private sealed class JumpingClock : TimeProvider
    {
        private int _looks;

        internal TimeSpan Jump { get; set; }

        public override DateTimeOffset GetUtcNow() => Interlocked.Increment(ref _looks) % 2 == 0 ? base.GetUtcNow() + Jump : base.GetUtcNow();
    }

    /// <summary>A file system of its own in memory, small; it needs root.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private SmallDisk(string folder) => Folder = folder;

        internal string Folder { get; }

        internal static SmallDisk Mount(string options)
        {
            Assert.SkipUnless(OperatingSystem.IsLinux(), "tmpfs is Linux's");
            SmallDisk disk = new(Directory.CreateTempSubdirectory("rmqb-disk-").FullName);
            if (Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk.Folder) is { Length: > 0 } reason)
            {
                Directory.Delete(disk.Folder);
                Assert.Skip($"no small disk can be mounted here: {reason}");
            }

            return disk;
        }

        internal void Remount(string options) => Assert.Equal("", Run("mount", "-o", $"remount,{options}", Folder));

        public void Dispose()
        {
            Run("umount", "-l", Folder);
            Directory.Delete(Folder);
        }

        private static string Run(string program, params string[] arguments)
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? "" : $"{error.Trim()} ({process.ExitCode})";
        }
    }
}
