namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>How much a proof does: little in CI, much where <c>RABBITMQ_TEST_LONG</c> is set.</summary>
internal static class LongRun
{
    internal static bool IsOn { get; } = Environment.GetEnvironmentVariable("RABBITMQ_TEST_LONG") is { Length: > 0 };

    internal static int Count(int inCi, int inLongRun) => IsOn ? inLongRun : inCi;
}
