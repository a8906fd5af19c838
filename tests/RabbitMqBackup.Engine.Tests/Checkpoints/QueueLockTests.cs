using RabbitMqBackup.Engine.Checkpoints;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Checkpoints;

/// <summary>The lock that keeps two runs of one machine from reading a queue at the same moment.</summary>
public sealed class QueueLockTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("queue-lock-").FullName;

    [Fact]
    public async Task One_has_it_at_a_time_and_leaves_nothing_behind()
    {
        QueueLock? first = await TakeAsync("q");
        Assert.NotNull(first);
        Assert.Null(await TakeAsync("q"));
        using (QueueLock? other = await TakeAsync("other"))
        {
            Assert.NotNull(other);
        }

        Task<QueueLock?> waiting = TakeAsync("q", TimeSpan.FromSeconds(30));
        Assert.False(waiting.IsCompleted);
        first.Dispose();
        using (QueueLock? second = await waiting)
        {
            Assert.NotNull(second);
        }

        Assert.Empty(Directory.EnumerateFiles(_folder));
    }

    [Fact]
    public async Task Where_there_is_no_place_for_it_nobody_is_held_up()
    {
        string missing = Path.Join(_folder, "missing");
        using QueueLock? first = await QueueLock.TakeAsync(missing, "c", "q", TimeSpan.Zero, TimeProvider.System, TestContext.Current.CancellationToken);
        using QueueLock? second = await QueueLock.TakeAsync(missing, "c", "q", TimeSpan.Zero, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.True(first is not null && second is not null);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<QueueLock?> TakeAsync(string queue, TimeSpan patience = default) => QueueLock.TakeAsync(_folder, "c", queue, patience, TimeProvider.System, TestContext.Current.CancellationToken);
}
