using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>
/// Keeps the copy in the store near the checkpoint while a job runs: after each change that is worth it, and otherwise each interval. One put at a time, and changes that come
/// meanwhile share the next; since a copy is whole, one of many queues is put less often, so that at most a tenth of the time goes into it. A failed put is told once and
/// tried again: it costs the chance to resume on another machine, not the backup.
/// </summary>
internal sealed class CheckpointSync : IAsyncDisposable
{
    private const int RestAfterPut = 9;

    private readonly CheckpointDatabase _database;
    private readonly IObjectStore _store;
    private readonly ObjectPath _path;
    private readonly TimeSpan _interval;
    private readonly TimeProvider _time;
    private readonly Action<RabbitBackupException> _onFailure;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private volatile bool _changed;
    private bool _told;

    /// <summary>Begins.</summary>
    /// <param name="database">Whose <see cref="CheckpointDatabase.Changed"/> it takes.</param>
    /// <param name="store">Where to; stays open as long as this.</param>
    /// <param name="path">The copy's path.</param>
    /// <param name="interval">The longest time that a change waits.</param>
    /// <param name="time">The clock.</param>
    /// <param name="onFailure">Gets the first failure.</param>
    internal CheckpointSync(CheckpointDatabase database, IObjectStore store, ObjectPath path, TimeSpan interval, TimeProvider time, Action<RabbitBackupException> onFailure)
    {
        (_database, _store, _path, _interval, _time, _onFailure) = (database, store, path, interval, time, onFailure);
        database.Changed = () => _changed = true;
        _loop = Task.Run(RunAsync);
    }

    /// <summary>What was changed is worth a copy now: a segment was committed.</summary>
    internal void Soon()
    {
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is awake already.
        }
    }

    /// <summary>Ends the copying and makes a last copy of what has changed since. Bounded by the token alone.</summary>
    /// <returns>False when the copy is not the checkpoint's last state.</returns>
    internal async Task<bool> FinishAsync(CancellationToken cancellationToken)
    {
        await StopAsync().ConfigureAwait(false);
        return !_changed || await PutAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _database.Changed = null;
        await StopAsync().ConfigureAwait(false);
        _stop.Dispose();
        _wake.Dispose();
    }

    private async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await _wake.WaitAsync(_interval, _stop.Token).ConfigureAwait(false);
            if (!_changed)
            {
                continue;
            }

            long start = _time.GetTimestamp();
            await PutAsync(_stop.Token).ConfigureAwait(false);
            TimeSpan rest = _time.GetElapsedTime(start) * RestAfterPut;
            await Task.Delay(rest < _interval ? rest : _interval, _time, _stop.Token).ConfigureAwait(false);
        }
    }

    private async Task<bool> PutAsync(CancellationToken cancellationToken)
    {
        _changed = false;
        try
        {
            await CheckpointCopy.PutAsync(_database, _store, _path, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (RabbitBackupException exception)
        {
            _changed = true;
            if (!_told)
            {
                _told = true;
                _onFailure(exception);
            }

            return false;
        }
        catch (OperationCanceledException)
        {
            _changed = true;
            throw;
        }
    }
}
