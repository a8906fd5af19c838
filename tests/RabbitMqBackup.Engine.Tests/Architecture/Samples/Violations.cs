// Types that break the layers on purpose, each in another way: LayerTests proves with them that the reader sees it. Their namespaces stand for the engine's folders.
using System.IO.Pipelines;
using RabbitMQ.Client;

#pragma warning disable CA1852, IDE0051, IDE0052, CS0169, CS0649 // never used, never assigned: they are only looked at

namespace RabbitMqBackup.Engine.Tests.Architecture.Samples.Broker
{
    internal class Reader
    {
        internal static Task<int> CountAsync() => Task.FromResult(1);
    }

    internal interface IReader;

    [AttributeUsage(AttributeTargets.All)]
    internal sealed class ReadsAttribute : Attribute;

    internal sealed class ReadException : Exception;

    /// <summary>Keeps the rules.</summary>
    internal sealed class Obedient(Messages.Message message)
    {
        internal string Text => message.Text + new ConnectionFactory().HostName;
    }
}

namespace RabbitMqBackup.Engine.Tests.Architecture.Samples.Messages
{
    internal sealed record Message(string Text);
}

namespace RabbitMqBackup.Engine.Tests.Architecture.Samples.Format
{
    internal sealed class ByBase : Broker.Reader;

    internal sealed class ByInterface : Broker.IReader;

    internal sealed class ByField
    {
        private readonly Broker.Reader? _reader;
    }

    internal sealed class ByTypeArgument
    {
        internal static IReadOnlyList<Dictionary<string, Broker.Reader[]>> Readers => [];
    }

    internal sealed class ByConstraint<T>
        where T : Broker.Reader;

    internal sealed class ByParameter
    {
        internal static void Take(in Broker.Reader reader) => _ = reader;
    }

    internal sealed class ByAsyncLambda
    {
        internal static Func<Task<int>> Later { get; } = async () => await Broker.Reader.CountAsync();
    }

    internal sealed class ByTypeTest
    {
        internal static bool Test(object o) => o is Broker.Reader;
    }

    internal sealed class ByTypeOf
    {
        internal static string Name() => typeof(Broker.Reader).Name;
    }

    internal sealed class ByCatch
    {
        internal static int Try(Func<int> f)
        {
            try
            {
                return f();
            }
            catch (Broker.ReadException)
            {
                return 0;
            }
        }
    }

    [Broker.Reads]
    internal sealed class ByAttribute;

    internal sealed class ByNestedType
    {
        private sealed class Inner
        {
            private readonly Broker.Reader? _reader;
        }
    }

    internal sealed class ByLibrary
    {
        internal static string Host() => new ConnectionFactory().HostName;
    }
}

namespace RabbitMqBackup.Engine.Tests.Architecture.Samples.Unheard
{
    internal sealed class InNewFolder
    {
        private readonly string? _text;
    }
}

namespace RabbitMqBackup.Engine.Tests.Architecture.Samples
{
    /// <summary>Shows private libraries to callers.</summary>
    public abstract class Exposing
    {
        public PipeReader? Pipe { get; protected set; }

        protected abstract Task<IReadOnlyList<IChannel>> OpenAsync();

        /// <summary>Nobody outside sees it.</summary>
        internal IConnection? Connection { get; set; }
    }
}
