using System.Diagnostics;
using System.Runtime.Versioning;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

public sealed class FileSystemStoreTests : ObjectStoreContract
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"rmqb-store-{Guid.NewGuid():n}");

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_folder_that_does_not_exist_is_empty_and_made_by_the_first_put()
    {
        await using FileSystemStore store = new(Path.Combine(_folder, "new", "deep"));

        Assert.Null(await store.HeadAsync(P("a"), Cancel));
        await AssertCodeAsync(ErrorCode.ObjectNotFound, () => store.OpenReadAsync(P("a"), null, Cancel));
        Assert.False(Directory.Exists(_folder));
        await store.PutAsync(P("a"), new MemoryStream([1]), new PutOptions(), Cancel);
        Assert.True(File.Exists(Path.Combine(_folder, "new", "deep", "a")));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task New_files_and_folders_can_be_read_by_their_owner_only()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows inherits the access list of the folder");
        await PutAsync("a/b/c", "secret");
        await PutAsync("a/b/c", "replaced");
        await PutAsync("a/b/d", "created", new PutOptions { CreateOnly = true });

        foreach (string entry in Directory.EnumerateFileSystemEntries(_folder, "*", SearchOption.AllDirectories).Append(_folder))
        {
            UnixFileMode mode = File.GetUnixFileMode(entry);
            Assert.Equal(UnixFileMode.None, mode & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        }
    }

    [Theory]
    [InlineData("a-file")]
    [InlineData("a-file/below/it")]
    public async Task A_file_in_the_place_of_the_folder_is_told_at_once(string root)
    {
        Directory.CreateDirectory(_folder);
        await File.WriteAllTextAsync(Path.Combine(_folder, "a-file"), "no folder", Cancel);
        await using FileSystemStore store = new(Path.Combine(_folder, root));
        RabbitBackupException failure = await Assert.ThrowsAsync<RabbitBackupException>(() => store.PutAsync(P("a/b"), new MemoryStream([1]), new PutOptions { CreateOnly = true }, Cancel));
        Assert.Equal(ErrorCode.StorageUnavailable, failure.Code);

        // To try again does not help.
        Assert.False(failure.IsTransient);
        Assert.Contains("a file stands where", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_can_t_be_made_is_not_told_as_a_missing_object()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a file system that finds no place for a new folder");
        await using FileSystemStore store = new($"/proc/{Guid.NewGuid():n}");
        RabbitBackupException failure = await AssertCodeAsync(ErrorCode.StorageUnavailable, () => store.PutAsync(P("a/b"), new MemoryStream([1]), new PutOptions { CreateOnly = true }, Cancel));
        Assert.Contains(store.DisplayUri, failure.Message, StringComparison.Ordinal);
        Assert.False(failure.IsTransient);
    }

    [Fact]
    public async Task Deleting_the_last_object_removes_empty_folders_but_not_the_root()
    {
        await PutAsync("a/b/c/d", "x");
        await PutAsync("a/e", "x");

        await Store.DeleteAsync(P("a/b/c/d"), null, Cancel);
        Assert.False(Directory.Exists(Path.Combine(_folder, "a", "b")));
        Assert.True(Directory.Exists(Path.Combine(_folder, "a")));
        await Store.DeleteAsync(P("a/e"), null, Cancel);
        Assert.False(Directory.Exists(Path.Combine(_folder, "a")));
        Assert.True(Directory.Exists(_folder));
    }

    [Fact]
    public async Task Left_over_temporary_files_are_invisible_and_deleted_when_they_are_old()
    {
        await PutAsync("a/b", "x");
        string old = Path.Combine(_folder, "a", ".rabbitmqbackup-0123.tmp"), young = Path.Combine(_folder, "a", ".rabbitmqbackup-4567.tmp");
        await File.WriteAllTextAsync(old, "half", Cancel);
        await File.WriteAllTextAsync(young, "half", Cancel);
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow - FileSystemFolders.LeftOverAge - TimeSpan.FromMinutes(1));

        Assert.Single(await ListAsync(""));
        await using FileSystemStore later = new(_folder);
        await later.PutAsync(P("a/c"), new MemoryStream([1]), new PutOptions(), Cancel);
        Assert.False(File.Exists(old));
        Assert.True(File.Exists(young));
    }

    [Fact]
    public async Task A_folder_with_left_overs_only_is_no_common_prefix()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "dead", "deeper"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "dead", "deeper", ".rabbitmqbackup-1.tmp"), "half", Cancel);

        Assert.Empty(await ListAsync("", new ListOptions { Delimited = true }));
    }

    [Fact]
    public async Task A_name_that_the_store_keeps_for_itself_is_refused()
    {
        RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageUnavailable, () => PutAsync("a/.rabbitmqbackup-lock", "x"));

        Assert.Contains(".rabbitmqbackup-lock", error.Message);
    }

    [Fact]
    public async Task A_folder_in_the_place_of_an_object_is_no_object_and_is_kept()
    {
        await PutAsync("a/b", "x");

        Assert.Null(await Store.HeadAsync(P("a"), Cancel));
        await AssertCodeAsync(ErrorCode.ObjectNotFound, () => Store.OpenReadAsync(P("a"), null, Cancel));
        await AssertCodeAsync(ErrorCode.StorageConflict, () => PutAsync("a", "x"));
        await AssertCodeAsync(ErrorCode.StorageConflict, () => PutAsync("a", "x", new PutOptions { CreateOnly = true }));
        Assert.Equal("x", await ReadAsync("a/b"));
    }

    [Fact]
    public async Task A_full_disk_is_reported_as_such_and_leaves_nothing()
    {
        using SmallDisk disk = SmallDisk.Mount("size=1m");
        await using FileSystemStore store = new(disk.Folder);
        await store.PutAsync(P("small"), new MemoryStream(new byte[1000]), new PutOptions(), Cancel);

        RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageUnavailable, () => store.PutAsync(P("big"), new MemoryStream(new byte[2 << 20]), new PutOptions(), Cancel));

        Assert.Contains("full", error.Message);
        Assert.False(error.IsTransient);
        Assert.Null(await store.HeadAsync(P("big"), Cancel));
        await store.PutAsync(P("small2"), new MemoryStream(new byte[500_000]), new PutOptions(), Cancel);
    }

    [Fact]
    public async Task Running_out_of_inodes_is_reported_as_a_full_disk()
    {
        using SmallDisk disk = SmallDisk.Mount("size=1m,nr_inodes=6");
        await using FileSystemStore store = new(disk.Folder);

        RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageUnavailable, async () =>
        {
            for (int i = 0; i < 6; i++)
            {
                await store.PutAsync(P($"f{i}"), new MemoryStream([1]), new PutOptions { CreateOnly = true }, Cancel);
            }
        });

        Assert.Contains("full", error.Message);
    }

    [Fact]
    public async Task On_a_disk_without_a_free_inode_objects_can_be_deleted()
    {
        using SmallDisk disk = SmallDisk.Mount("size=1m,nr_inodes=6");
        await using FileSystemStore store = new(disk.Folder);
        ObjectInfo first = await store.PutAsync(P("f0"), new MemoryStream([1]), new PutOptions { CreateOnly = true }, Cancel);
        for (int i = 1; File.Exists(Path.Combine(disk.Folder, $"f{i - 1}")); i++)
        {
            try
            {
                await File.WriteAllTextAsync(Path.Combine(disk.Folder, $"f{i}"), "", Cancel);
            }
            catch (IOException)
            {
                break;
            }
        }

        await AssertCodeAsync(ErrorCode.StorageConflict, () => store.DeleteAsync(P("f0"), "another", Cancel));
        await store.DeleteAsync(P("f0"), first.Version, Cancel);

        Assert.Null(await store.HeadAsync(P("f0"), Cancel));
    }

    [Fact]
    public async Task A_read_only_file_system_is_reported_as_access_denied()
    {
        using SmallDisk disk = SmallDisk.Mount("size=1m,ro");
        await using FileSystemStore store = new(Path.Combine(disk.Folder, "b"));

        await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => store.PutAsync(P("a"), new MemoryStream([1]), new PutOptions(), Cancel));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task A_folder_without_rights_is_reported_as_access_denied()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs Unix modes");
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "the super user may write everywhere");
        await PutAsync("a/b", "x");
        string folder = Path.Combine(_folder, "a");
        File.SetUnixFileMode(folder, UnixFileMode.None);
        try
        {
            await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => PutAsync("a/c", "x"));
            await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => Store.OpenReadAsync(P("a/b"), null, Cancel));
            await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => ListAsync("a/"));
        }
        finally
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public async Task The_lock_of_another_process_is_waited_for()
    {
        await PutAsync("a", "1");
        FileStream held = new(Path.Combine(_folder, ".rabbitmqbackup-lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        Task<ObjectInfo> put = PutAsync("a", "2");
        await Task.Delay(100, Cancel);
        Assert.False(put.IsCompleted);
        Assert.Equal("1", await ReadAsync("a"));

        await held.DisposeAsync();
        await put.WaitAsync(TimeSpan.FromSeconds(10), Cancel);
        Assert.Equal("2", await ReadAsync("a"));
    }

    [Fact]
    public async Task Of_sixteen_writers_in_four_processes_one_wins()
    {
        const string FolderVariable = "RABBITMQBACKUP_TEST_RACE", StartVariable = "RABBITMQBACKUP_TEST_RACE_START", Test = nameof(Of_sixteen_writers_in_four_processes_one_wins);
        if (Environment.GetEnvironmentVariable(FolderVariable) is { } race)
        {
            await RaceAsync(race, long.Parse(Environment.GetEnvironmentVariable(StartVariable)!));
            return;
        }

        // This very test again, four times, each as one racing process.
        string program = Path.ChangeExtension(typeof(FileSystemStoreTests).Assembly.Location, OperatingSystem.IsWindows() ? ".exe" : null)!;
        Process[] racers = [.. Enumerable.Range(0, 4).Select(_ => Process.Start(new ProcessStartInfo(program, ["-method", $"{typeof(FileSystemStoreTests).FullName}.{Test}"])
        {
            RedirectStandardOutput = true,
            Environment = { [FolderVariable] = _folder, [StartVariable] = DateTime.UtcNow.AddSeconds(4).Ticks.ToString() },
        })!)];
        foreach (Process racer in racers)
        {
            string output = await racer.StandardOutput.ReadToEndAsync(Cancel);
            await racer.WaitForExitAsync(Cancel);
            Assert.True(racer.ExitCode == 0, output);
            racer.Dispose();
        }

        string[] wins = [.. (await ListAsync("won/")).Select(row => row.Key.Split('/')[1])];
        Assert.Equal(Enumerable.Range(0, RaceRounds).Select(round => $"{round:00}"), wins);
    }

    private const int RaceRounds = 25;

    private static async Task RaceAsync(string folder, long startTicks)
    {
        await using FileSystemStore store = new(folder);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            for (int round = 0; round < RaceRounds; round++)
            {
                TimeSpan wait = new DateTime(startTicks, DateTimeKind.Utc).AddMilliseconds(40 * round) - DateTime.UtcNow;
                await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Cancel);
                string me = $"{Environment.ProcessId}-{writer}";
                try
                {
                    await store.PutAsync(P($"race/{round:00}"), new MemoryStream(System.Text.Encoding.UTF8.GetBytes(me)), new PutOptions { CreateOnly = true }, Cancel);
                    await store.PutAsync(P($"won/{round:00}/{me}"), new MemoryStream(), new PutOptions(), Cancel);
                }
                catch (RabbitBackupException error) when (error.Code == ErrorCode.StorageConflict)
                {
                    // Another one was first.
                }
            }
        })));
    }

    [Fact]
    public async Task Puts_and_deletes_in_one_folder_do_not_trip_over_each_other()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 8), Cancel, async (worker, token) =>
        {
            for (int i = 0; i < 40; i++)
            {
                await Store.PutAsync(P($"deep/er/{worker}"), new MemoryStream([1]), new PutOptions { CreateOnly = true }, token);
                await Store.DeleteAsync(P($"deep/er/{worker}"), null, token);
            }
        });

        Assert.Empty(await ListAsync(""));
    }

    [Fact]
    public async Task What_lies_behind_a_link_to_a_folder_can_be_read_and_is_not_listed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links to folders need a privilege on Windows");
        DirectoryInfo elsewhere = Directory.CreateTempSubdirectory("rmqb-elsewhere-");
        try
        {
            await File.WriteAllBytesAsync(Path.Combine(elsewhere.FullName, "object"), [1, 2, 3], Cancel);
            await Store.PutAsync(P("here/object"), new MemoryStream([1]), new PutOptions(), Cancel);
            Directory.CreateSymbolicLink(Path.Combine(_folder, "here", "link"), elsewhere.FullName);

            Assert.Equal(["here/object"], (await ListAsync("")).Select(row => row.Key));
            Assert.Empty(await ListAsync("here/link/"));
            Assert.Equal(3, (await Store.HeadAsync(P("here/link/object"), Cancel))!.Length);
        }
        finally
        {
            elsewhere.Delete(recursive: true);
        }
    }

    internal override Task<IObjectStore> OpenEmptyAsync() => Task.FromResult<IObjectStore>(new FileSystemStore(_folder));

    protected override IEnumerable<string> OddNames() => OperatingSystem.IsWindows() ? base.OddNames() : [.. base.OddNames(), "nul", "a?b", "a*b", "a\"b", "a<b>c|d", "dot.", "blank ", " blank"];

    /// <summary>A file system in memory with limits, where this process may mount one.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private SmallDisk(string folder) => Folder = folder;

        internal string Folder { get; }

        internal static SmallDisk Mount(string options)
        {
            Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "mounting a small file system needs root on Linux");
            string folder = Directory.CreateTempSubdirectory("rmqb-disk-").FullName;
            using Process mount = Process.Start("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder]);
            mount.WaitForExit();
            Assert.SkipUnless(mount.ExitCode == 0, "this system does not let root mount a tmpfs");
            return new SmallDisk(folder);
        }

        public void Dispose()
        {
            using Process unmount = Process.Start("umount", [Folder]);
            unmount.WaitForExit();
            Directory.Delete(Folder);
        }
    }
}
