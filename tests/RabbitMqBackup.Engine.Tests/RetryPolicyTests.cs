using System.Diagnostics;
using Xunit;

namespace RabbitMqBackup.Engine.Tests;

public sealed class RetryPolicyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_failure_that_may_pass_is_repeated_until_it_does()
    {
        int calls = 0;

        int result = await Policy(new RetryOptions { FirstDelay = TimeSpan.Zero }).RunAsync(attempt => ++calls < 4 ? throw Transient() : Task.FromResult(attempt), Cancel);

        Assert.Equal((4, 4), (calls, result));
    }

    [Fact]
    public async Task A_failure_that_stays_is_not_repeated()
    {
        int calls = 0;

        await Assert.ThrowsAsync<RabbitBackupException>(() => Policy(new RetryOptions()).RunAsync<int>(
            _ =>
            {
                calls++;
                throw new RabbitBackupException(ErrorCode.StorageAccessDenied, "no");
            },
            Cancel));

        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task The_last_failure_says_how_often_it_was_tried_and_is_not_repeated_further_out()
    {
        int calls = 0;
        RetryPolicy policy = Policy(new RetryOptions { MaxAttempts = 3, FirstDelay = TimeSpan.Zero });

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => policy.RunAsync(
            _ => policy.RunAsync<int>(
                _ =>
                {
                    calls++;
                    throw Transient();
                },
                Cancel),
            Cancel));

        Assert.Equal(3, calls);
        Assert.Contains("3 attempts", error.Message);
        Assert.True(error.IsTransient);
        Assert.Equal(("target", "hint", ErrorCode.StorageUnavailable), (error.Target, error.Hint, error.Code));
    }

    [Fact]
    public async Task The_servers_wish_is_respected_up_to_the_longest_wait()
    {
        Stopwatch clock = Stopwatch.StartNew();
        int calls = 0;
        await Policy(new RetryOptions { FirstDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(200) }).RunAsync(
            _ => ++calls == 1 ? throw Transient(TimeSpan.FromHours(1)) : Task.FromResult(0), Cancel);

        Assert.InRange(clock.ElapsedMilliseconds, 190, 5_000);
    }

    [Fact]
    public async Task No_attempt_begins_after_the_whole_time()
    {
        int calls = 0;

        await Assert.ThrowsAsync<RabbitBackupException>(() => Policy(new RetryOptions { FirstDelay = TimeSpan.FromMilliseconds(60), MaxTime = TimeSpan.FromMilliseconds(100) }).RunAsync<int>(
            _ =>
            {
                calls++;
                throw Transient();
            },
            Cancel));

        Assert.InRange(calls, 2, 3);
    }

    [Fact]
    public async Task A_wait_can_be_cancelled()
    {
        using CancellationTokenSource source = new(50);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Policy(new RetryOptions { FirstDelay = TimeSpan.FromMinutes(1), MaxDelay = TimeSpan.FromMinutes(1) }).RunAsync<int>(_ => throw Transient(), source.Token));
    }

    [Fact]
    public void A_dependency_that_keeps_failing_is_left_alone_and_then_tried_once()
    {
        ManualClock clock = new();
        CircuitBreaker breaker = new(ErrorCode.StorageUnavailable, "s3://bucket", clock);
        for (int i = 0; i < CircuitBreaker.Threshold; i++)
        {
            breaker.Enter();
            breaker.Failed();
        }

        RabbitBackupException error = Assert.Throws<RabbitBackupException>(breaker.Enter);
        Assert.Equal((ErrorCode.StorageUnavailable, "s3://bucket"), (error.Code, error.Target));
        Assert.Equal(CircuitBreaker.Pause, error.RetryAfter);

        clock.Advance(CircuitBreaker.Pause);
        breaker.Enter();
        Assert.Throws<RabbitBackupException>(breaker.Enter);
        breaker.Failed();
        Assert.Throws<RabbitBackupException>(breaker.Enter);

        clock.Advance(CircuitBreaker.Pause);
        breaker.Enter();
        breaker.Answered();
        breaker.Enter();
        breaker.Enter();
    }

    [Fact]
    public void Failures_with_answers_between_them_open_no_circuit()
    {
        CircuitBreaker breaker = new(ErrorCode.StorageUnavailable, "x", new ManualClock());
        for (int i = 0; i < 10 * CircuitBreaker.Threshold; i++)
        {
            breaker.Enter();
            if (i % 5 == 0)
            {
                breaker.Answered();
            }
            else
            {
                breaker.Failed();
            }
        }
    }

    private static RetryPolicy Policy(RetryOptions options) => new(options, new CircuitBreaker(ErrorCode.StorageUnavailable, "x", TimeProvider.System), TimeProvider.System);

    private static RabbitBackupException Transient(TimeSpan? retryAfter = null) =>
        new(ErrorCode.StorageUnavailable, "busy") { IsTransient = true, Target = "target", Hint = "hint", RetryAfter = retryAfter };

    private sealed class ManualClock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        internal void Advance(TimeSpan time) => _ticks += time.Ticks;
    }
}
