using System.Collections.Concurrent;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// Carries calls from the engine's threads to the pipeline thread, the only one on which a cmdlet may write.
/// </summary>
internal sealed class PipelinePump
{
    private static readonly Call Finished = new(() => { }, IsNews: false);

    private readonly BlockingCollection<Call> _calls = [];

    /// <summary>Queues a call for the pipeline thread. From any thread.</summary>
    /// <param name="write">The call, a <c>Write*</c> of the cmdlet.</param>
    /// <param name="isNews">True for what the user must hear even after an earlier call was refused: a warning, an error.</param>
    internal void Post(Action write, bool isNews = false) => _calls.Add(new(write, isNews));

    /// <summary>
    /// Makes the queued calls until <paramref name="work"/> has ended and the queue is empty. On the pipeline thread.
    /// It never leaves earlier: that would abandon open channels and messages that are not given back yet.
    /// </summary>
    /// <param name="work">What the engine does.</param>
    /// <param name="stop">Ends the work, once a call was refused.</param>
    /// <returns>The exception of the first call that threw (a stopped pipeline, <c>Select-Object -First</c>, <c>-ErrorAction Stop</c>), or null.</returns>
    internal Exception? RunUntilEnd(Task work, Action stop)
    {
        work.ContinueWith(
            static (_, calls) => ((BlockingCollection<Call>)calls!).Add(Finished),
            _calls,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);

        Exception? refusal = null;
        for (Call call = _calls.Take(); call != Finished; call = _calls.Take())
        {
            Exception? thrown = refusal is null || call.IsNews ? Try(call.Write) : null;
            if (refusal is null && thrown is not null)
            {
                refusal = thrown;
                stop();
            }
        }

        return refusal;
    }

    /// <summary>Makes the calls that are queued now, and waits for nothing. On the pipeline thread.</summary>
    internal void RunQueued()
    {
        while (_calls.TryTake(out Call? call))
        {
            call.Write();
        }
    }

    /// <summary>Makes a call; the caller rethrows what it threw once the engine has come to rest.</summary>
    private static Exception? Try(Action write)
    {
        try
        {
            write();
            return null;
        }
        catch (Exception refusal)
        {
            return refusal;
        }
    }

    private sealed record Call(Action Write, bool IsNews);
}
