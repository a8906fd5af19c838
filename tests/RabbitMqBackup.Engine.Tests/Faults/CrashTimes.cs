namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>When what happened in a backup that nobody killed.</summary>
/// <param name="Segments">How many there were.</param>
/// <param name="UntilFirst">From the plan to the first segment.</param>
/// <param name="Between">From the first segment to the last.</param>
/// <param name="AfterLast">From the last segment to the end of the process.</param>
internal sealed record CrashTimes(int Segments, TimeSpan UntilFirst, TimeSpan Between, TimeSpan AfterLast);
