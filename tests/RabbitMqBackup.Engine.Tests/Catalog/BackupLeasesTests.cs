using System.Diagnostics;
using System.Text;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

public sealed class BackupLeasesTests : IAsyncDisposable
{
    private static readonly LeaseOptions Silent = new() { RenewEvery = Timeout.InfiniteTimeSpan };

    private readonly MemoryStore _store = new();
    private readonly RecordingLog _log = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Theory]
    [InlineData(nameof(LeasePurpose.Backup), nameof(LeasePurpose.Backup), false)]
    [InlineData(nameof(LeasePurpose.Backup), nameof(LeasePurpose.Removal), false)]
    [InlineData(nameof(LeasePurpose.CopyTarget), nameof(LeasePurpose.Backup), false)]
    [InlineData(nameof(LeasePurpose.Restore), nameof(LeasePurpose.Removal), false)]
    [InlineData(nameof(LeasePurpose.CopySource), nameof(LeasePurpose.Removal), false)]
    [InlineData(nameof(LeasePurpose.Removal), nameof(LeasePurpose.Restore), false)]
    [InlineData(nameof(LeasePurpose.Removal), nameof(LeasePurpose.CopySource), false)]
    [InlineData(nameof(LeasePurpose.Base), nameof(LeasePurpose.Removal), false)]
    [InlineData(nameof(LeasePurpose.Restore), nameof(LeasePurpose.CopySource), true)]
    [InlineData(nameof(LeasePurpose.Restore), nameof(LeasePurpose.Restore), true)]
    [InlineData(nameof(LeasePurpose.Backup), nameof(LeasePurpose.Restore), true)]
    public async Task Who_comes_second_goes_on_beside_the_first_only_where_neither_harms_the_other(string first, string second, bool together)
    {
        await using BackupLease held = await TakeAsync("b1", Enum.Parse<LeasePurpose>(first));
        if (together)
        {
            await (await TakeAsync("b1", Enum.Parse<LeasePurpose>(second))).DisposeAsync();
        }
        else
        {
            RabbitBackupException error = await AssertInUseAsync(() => TakeAsync("b1", Enum.Parse<LeasePurpose>(second)));
            Assert.Equal("b1", error.Target);
            Assert.Contains($"{Environment.UserName} on {Environment.MachineName}, process {Environment.ProcessId}", error.Message);
        }

        // Another backup is none of their business, and what was refused left nothing.
        await (await TakeAsync("b2", LeasePurpose.Backup)).DisposeAsync();
        Assert.Single(await ListAsync());
    }

    [Fact]
    public async Task A_lease_that_is_given_back_leaves_nothing()
    {
        await (await TakeAsync("b1", LeasePurpose.Backup)).DisposeAsync();
        await (await TakeAsync("b1", LeasePurpose.Restore)).DisposeAsync();

        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task Of_sixteen_that_want_to_make_one_backup_one_does()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"leases-{Guid.NewGuid():n}");
        try
        {
            await using IObjectStore store = BackupStore.Parse(folder).Open();
            int refused = 0;
            BackupLease?[] leases = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
            {
                try
                {
                    return await new BackupLeases(store, _log, TimeProvider.System).TakeAsync("b1", LeasePurpose.Backup, Cancel);
                }
                catch (RabbitBackupException exception) when (exception.Code == ErrorCode.BackupInUse)
                {
                    Interlocked.Increment(ref refused);
                    return null;
                }
            })));

            Assert.Equal(15, refused);
            await Assert.Single(leases, lease => lease is not null)!.DisposeAsync();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task The_lease_of_a_process_that_was_killed_on_this_machine_is_stale_at_once_and_broken_only_on_request()
    {
        int ended;
        using (Process process = Process.Start(new ProcessStartInfo("dotnet", "--version") { RedirectStandardOutput = true })!)
        {
            ended = process.Id;
            await process.WaitForExitAsync(Cancel);
        }

        LeaseHolder dead = LeaseHolder.Self(LeasePurpose.Backup, TimeProvider.System) with { ProcessId = ended };
        await WriteAsync("_leases/b1/exclusive.json", dead.ToJson());

        RabbitBackupException error = await AssertInUseAsync(() => TakeAsync("b1", LeasePurpose.Backup));
        Assert.Contains("The holder is gone", error.Message);
        Assert.Contains("-BreakStaleLease", error.Hint);

        await using BackupLease taken = await TakeAsync("b1", LeasePurpose.Backup, Silent with { BreakStale = true });
        Assert.Contains(_log.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains($"process {ended}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_lease_from_elsewhere_without_a_sign_of_life_is_stale()
    {
        LeaseHolder elsewhere = LeaseHolder.Self(LeasePurpose.Restore, TimeProvider.System) with { Host = "other", ProcessSpace = "other" };
        await WriteAsync("_leases/b1/shared-1.json", elsewhere.ToJson());
        await Task.Delay(50, Cancel);

        await AssertInUseAsync(() => TakeAsync("b1", LeasePurpose.Removal, Silent with { BreakStale = true }));
        await (await TakeAsync("b1", LeasePurpose.Removal, Silent with { BreakStale = true, StaleAfter = TimeSpan.FromMilliseconds(20) })).DisposeAsync();
        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task A_lease_that_lives_can_not_be_broken()
    {
        await using BackupLease held = await TakeAsync("b1", LeasePurpose.Backup);

        RabbitBackupException error = await AssertInUseAsync(() => TakeAsync("b1", LeasePurpose.Backup, Silent with { BreakStale = true }));
        Assert.DoesNotContain("gone", error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("no JSON")]
    [InlineData("[]")]
    [InlineData("""{"lease_id":"1","purpose":"Nonsense"}""")]
    [InlineData("""{"lease_id":"1","purpose":"Restore","owner":"x","host":"y","process_space":"","process_id":1e99,"process_started_at":0,"taken_at":0,"renewed_at":0}""")]
    [InlineData("""{"lease_id":"1","purpose":"Restore","owner":"x","host":"y","process_space":"","process_id":1,"process_started_at":9223372036854775807,"taken_at":0,"renewed_at":0}""")]
    public async Task A_lease_that_can_not_be_understood_is_respected(string text)
    {
        await WriteAsync("_leases/b1/exclusive.json", Encoding.UTF8.GetBytes(text));
        await WriteAsync("_leases/b2/shared-1.json", Encoding.UTF8.GetBytes(text));

        await AssertInUseAsync(() => TakeAsync("b1", LeasePurpose.Backup));
        await AssertInUseAsync(() => TakeAsync("b1", LeasePurpose.Restore));
        await AssertInUseAsync(() => TakeAsync("b2", LeasePurpose.Removal));
    }

    [Fact]
    public async Task Control_characters_of_another_s_lease_do_not_reach_the_screen()
    {
        await WriteAsync("_leases/b1/exclusive.json", (LeaseHolder.Self(LeasePurpose.Backup, TimeProvider.System) with { Host = "a\u001b[31mb\n" + new string('x', 5000) }).ToJson());

        RabbitBackupException error = await AssertInUseAsync(() => TakeAsync("b1", LeasePurpose.Backup));

        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.True(error.Message.Length < 600);
    }

    [Fact]
    public async Task A_holder_gives_signs_of_life_and_hears_when_its_lease_is_taken_away()
    {
        BackupLease lease = await TakeAsync("b1", LeasePurpose.Backup, new LeaseOptions { RenewEvery = TimeSpan.FromMilliseconds(10) });
        string first = Assert.Single(await ListAsync()).Object!.Version;
        while ((await _store.HeadAsync(P("_leases/b1/exclusive.json"), Cancel))!.Version == first)
        {
            await Task.Delay(5, Cancel);
        }

        Task<int> work = lease.RunAsync(
            async token =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return 1;
            },
            Cancel);
        await WriteAsync("_leases/b1/exclusive.json", LeaseHolder.Self(LeasePurpose.Removal, TimeProvider.System).ToJson());

        await AssertInUseAsync(() => work);
        await lease.DisposeAsync();
        Assert.Single(await ListAsync());
    }

    [Fact]
    public async Task A_renewal_whose_answer_was_lost_is_no_loss_of_the_lease()
    {
        BackupLease lease = await TakeAsync("b1", LeasePurpose.Backup, new LeaseOptions { RenewEvery = TimeSpan.FromMilliseconds(10) });
        ObjectPath path = P("_leases/b1/exclusive.json");
        for (int i = 0; i < 5; i++)
        {
            // The same content under another version, as a put leaves it that worked unseen.
            using MemoryStream copy = new();
            await using (Stream stream = await _store.OpenReadAsync(path, null, Cancel))
            {
                await stream.CopyToAsync(copy, Cancel);
            }

            string version = (await _store.PutAsync(path, new MemoryStream(copy.ToArray()), new PutOptions(), Cancel)).Version;
            while (!lease.Lost.IsCancellationRequested && (await _store.HeadAsync(path, Cancel))!.Version == version)
            {
                await Task.Delay(5, Cancel);
            }
        }

        Assert.False(lease.Lost.IsCancellationRequested);
        await lease.DisposeAsync();
        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task A_cancelled_run_is_cancelled_and_gives_its_lease_back()
    {
        using CancellationTokenSource stop = new();
        BackupLease lease = await TakeAsync("b1", LeasePurpose.Backup);
        Task<int> work = lease.RunAsync(async token => { await Task.Delay(Timeout.Infinite, token); return 1; }, stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => work);
        await lease.DisposeAsync();
        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task Who_may_only_read_restores_without_a_lease_and_is_told()
    {
        await using RefusingStore readOnly = new(_store);
        BackupLeases leases = new(readOnly, _log, TimeProvider.System);

        await (await leases.TakeAsync("b1", LeasePurpose.Restore, Cancel)).DisposeAsync();

        Assert.Contains(_log.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains("without a lease", StringComparison.Ordinal));
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => leases.TakeAsync("b1", LeasePurpose.Removal, Cancel));
        Assert.Equal(ErrorCode.StorageAccessDenied, error.Code);
    }

    private static ObjectPath P(string path) => ObjectPath.Parse(path);

    private Task<BackupLease> TakeAsync(string id, LeasePurpose purpose, LeaseOptions? options = null) => new BackupLeases(_store, _log, TimeProvider.System, options ?? Silent).TakeAsync(id, purpose, Cancel);

    private Task WriteAsync(string path, byte[] content) => _store.PutAsync(P(path), new MemoryStream(content), new PutOptions(), Cancel);

    private async Task<List<ListEntry>> ListAsync()
    {
        List<ListEntry> rows = [];
        await foreach (ListEntry row in _store.ListAsync("", new ListOptions(), Cancel))
        {
            rows.Add(row);
        }

        return rows;
    }

    private static async Task<RabbitBackupException> AssertInUseAsync(Func<Task> call)
    {
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(call);
        Assert.Equal(ErrorCode.BackupInUse, error.Code);
        return error;
    }
}
