using System.Management.Automation;
using System.Management.Automation.Host;
using System.Runtime.ExceptionServices;
using RabbitMqBackup.Engine;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// Base of all cmdlets: runs the engine on the thread pool while the pipeline thread waits and writes what the engine has to tell.
/// </summary>
public abstract class AsyncCmdlet : PSCmdlet
{
    // Never disposed: StopProcessing may still come while the cmdlet ends, and a source without a timer holds nothing.
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _abort = new();

    /// <summary>Sets up the parts.</summary>
    protected AsyncCmdlet()
    {
        Log = new PipelineLog(this, Pump);
        Progress = new ProgressDisplay(this, Pump);
    }

    /// <summary>The engine's log: Information goes to Verbose, Debug to Debug, Warning to Warning.</summary>
    protected IEngineLog Log { get; }

    /// <summary>A second Ctrl+C: no time for an orderly end.</summary>
    protected CancellationToken Abort => _abort.Token;

    /// <summary>The way from the engine's threads to the pipeline thread, open while <see cref="Run{T}"/> runs.</summary>
    private protected PipelinePump Pump { get; } = new();

    /// <summary>The engine's progress, shown with rate and time left.</summary>
    private protected ProgressDisplay Progress { get; }

    /// <inheritdoc/>
    protected sealed override void BeginProcessing() => Guard(Begin);

    /// <inheritdoc/>
    protected sealed override void ProcessRecord() => Guard(Process);

    /// <inheritdoc/>
    protected sealed override void EndProcessing() => Guard(End);

    /// <summary>Ctrl+C: ends the engine's work. The pipeline thread stays in <see cref="Run{T}"/> until the engine has come to rest.</summary>
    protected sealed override void StopProcessing() => _stop.Cancel();

    /// <summary>Once, before the first input object.</summary>
    protected virtual void Begin()
    {
    }

    /// <summary>Once per input object, or once without a pipeline.</summary>
    protected virtual void Process()
    {
    }

    /// <summary>Once, after the last input object.</summary>
    protected virtual void End()
    {
    }

    /// <summary>Runs the engine on the pool and waits for it; meanwhile, what it posts is written.</summary>
    /// <exception cref="PipelineStoppedException">The user stopped the pipeline; the engine is at rest.</exception>
    protected T Run<T>(Func<CancellationToken, Task<T>> work)
    {
        Task<T> running = Task.Run(() => work(_stop.Token));
        using StopSignals signals = new(_stop, _abort, running);
        return Await(running);
    }

    /// <inheritdoc cref="Run{T}"/>
    protected void Run(Func<CancellationToken, Task> work) => Run(async token =>
    {
        await work(token).ConfigureAwait(false);
        return true;
    });

    /// <summary>Hands out one item after the other; the next is read when the pipeline has taken the last, so that nothing piles up.</summary>
    protected void RunEach<T>(Func<CancellationToken, IAsyncEnumerable<T>> source, Action<T> use)
    {
        IAsyncEnumerator<T> items = source(_stop.Token).GetAsyncEnumerator(_stop.Token);
        try
        {
            while (MoveNext(items))
            {
                use(items.Current);
            }
        }
        finally
        {
            Run(_ => items.DisposeAsync().AsTask());
        }
    }

    /// <summary>Queues a non-terminating error. From any thread, while <see cref="Run{T}"/> or <see cref="RunEach{T}"/> runs.</summary>
    private protected void PostError(RabbitBackupException failure) => Pump.Post(() => WriteError(ErrorRecords.From(failure)), isNews: true);

    /// <summary>Asks, as -WhatIf, -Confirm and the user's preference have it, whether a change may be made.</summary>
    /// <param name="what">What is done to what, as a sentence without its end.</param>
    /// <param name="caption">Above the question.</param>
    /// <param name="isWhatIf">True where the answer is no because of -WhatIf.</param>
    private protected bool MayChange(string what, string caption, out bool isWhatIf)
    {
        try
        {
            bool may = ShouldProcess(what, $"{what}?", caption, out ShouldProcessReason reason);
            isWhatIf = reason == ShouldProcessReason.WhatIf;
            return may;
        }
        catch (Exception nobody) when (nobody is NullReferenceException or PSInvalidOperationException or HostException)
        {
            // The console of pwsh 7.6 throws the first at the end of its input, the second with -NonInteractive; other hosts throw the third.
            throw new ArgumentException("There is nobody to ask: -Confirm:$false goes on without asking, -WhatIf shows what would be done.", "Confirm", nobody);
        }
    }

    private bool MoveNext<T>(IAsyncEnumerator<T> items)
    {
        ValueTask<bool> next = items.MoveNextAsync();
        if (!next.IsCompletedSuccessfully)
        {
            return Await(next.AsTask());
        }

        // Most items are at hand already: a hop to the pool and back for each would cost more than the item.
        Pump.RunQueued();
        return next.GetAwaiter().GetResult();
    }

    private T Await<T>(Task<T> work)
    {
        Exception? refusal = Pump.RunUntilEnd(work, _stop.Cancel);
        Progress.Complete(silently: refusal is not null);
        if (refusal is not null)
        {
            TellLateFailure(work);
            ExceptionDispatchInfo.Throw(refusal);
        }

        try
        {
            return work.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
    }

    /// <summary>The engine was cancelled because a call was refused, and failed on its way out: that matters more than the refusal, but must not hide it.</summary>
    private void TellLateFailure(Task work)
    {
        if (work.Exception?.InnerException is not RabbitBackupException failure)
        {
            return;
        }

        try
        {
            WriteError(ErrorRecords.From(failure));
        }
        catch (PipelineStoppedException)
        {
            // Nobody listens any more.
        }
    }

    /// <summary>Turns what the engine throws into one terminating error record. After a stop PowerShell can still call in; nothing is begun then.</summary>
    private void Guard(Action step)
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        try
        {
            step();
        }
        catch (Exception failure) when (!IsOfPowerShell(failure))
        {
            ThrowTerminatingError(ErrorRecords.From(failure));
        }
    }

    /// <summary>PowerShell's own exceptions steer its pipeline or carry a record already.</summary>
    private static bool IsOfPowerShell(Exception exception) =>
        exception is IContainsErrorRecord || exception.GetType().Assembly == typeof(PSObject).Assembly;
}
